"""Hugging Face video transformers, tiny and offline: built, loaded, checked, trained."""

import json
import logging
import re
import shutil
import sys

import pytest
import safetensors.torch
import torch

from semivideo.base.errors import CheckpointError, ConfigError, MissingExtraError
from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.models import create
from semivideo.models.weights import load_network, save_network
from semivideo.run import build
from semivideo.settings import Settings

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": 32,
    "num_frames": 4,
}
CONFIGS = {
    "videomae": {**SMALL, "patch_size": 16},
    "timesformer": {**SMALL, "patch_size": 16},
    "vivit": {**SMALL, "tubelet_size": [2, 16, 16]},
    "vjepa2": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "mlp_ratio": 2,
        "crop_size": 32,
        "patch_size": 16,
        "frames_per_clip": 4,
        "num_pooler_layers": 1,
        "pred_hidden_size": 24,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
    },
}
CLASSES = {"videomae": "VideoMAE", "timesformer": "Timesformer", "vivit": "Vivit"}
K = 5


def tiny(model: str, **options):
    torch.manual_seed(0)
    return create("huggingface", K, model=model, config=CONFIGS[model], **options)


def clip(num_frames: int = 4, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, num_frames, size, size, generator=generator)


def settings(**changes) -> Settings:
    network = {"name": "resnet3d10", "options": {"width": 0.125}, "num_frames": 2}
    auxiliary = {
        "name": "huggingface",
        "num_frames": 4,
        "options": {"model": "videomae", "config": CONFIGS["videomae"]},
    }
    base = Settings.from_mapping(
        {
            "views": {"crop_size": 32},
            "networks": {"primary": network, "auxiliary": auxiliary},
            "method": {"name": "cmpl", "threshold": 0.0},
        }
    )
    return base.updated(changes)


@pytest.fixture
def folder(tmp_path):
    """A saved VideoMAE classifier of 7 classes, with the model itself."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(3)
    config = transformers.VideoMAEConfig(**CONFIGS["videomae"], num_labels=7)
    model = transformers.VideoMAEForVideoClassification(config).eval()
    with torch.no_grad():
        model.fc_norm.weight.uniform_(0.5, 2)
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(tmp_path / "pretrained")
    return tmp_path / "pretrained", model


def change_weights(folder, change) -> None:
    file = folder / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    change(weights)
    safetensors.torch.save_file(weights, file, metadata={"format": "pt"})


@pytest.mark.parametrize("model", CONFIGS)
def test_huggingface__every_weight_learns_and_the_two_halves_are_the_whole(model):
    network = tiny(model, dropout=0.0).train()
    logits_NK = network(clip())
    assert logits_NK.shape == (2, K)
    assert torch.equal(network.classify(network.features(clip())), logits_NK)
    logits_NK.square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("model", CONFIGS)
def test_huggingface__is_finite_under_bf16(model):
    network = tiny(model)
    with torch.autocast("cpu", torch.bfloat16):
        logits_NK = network(100 * clip())
    logits_NK.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
    assert logits_NK.isfinite().all()


@pytest.mark.parametrize("model", CONFIGS)
def test_huggingface__is_rebuilt_from_its_card(tmp_path, model):
    network = tiny(model, dropout=0.3).eval()
    options = {"model": model, "config": CONFIGS[model], "dropout": 0.3}
    primary = {"name": "huggingface", "num_frames": 4, "options": options}
    card = build.build_card(
        settings(**{"networks.primary": primary}), network=network, classes=list("abcde")
    )
    save_network(tmp_path, network, card)
    loaded, _ = load_network(tmp_path)
    assert torch.equal(loaded(clip()), network(clip()))
    assert loaded.dropout.p == 0.3


def test_huggingface__frames_and_channels_keep_their_places():
    """The features are those of the model given (N, T, C, H, W) by hand, pooled by hand."""
    network = tiny("videomae").eval()
    pixels = clip().permute(0, 2, 1, 3, 4)
    tokens = network.model.videomae(pixels).last_hidden_state
    want = network.model.fc_norm(tokens.mean(dim=1))
    torch.testing.assert_close(network.features(clip()), want)


def test_huggingface__takes_the_weights_of_a_folder_and_then_needs_it_no_more(tmp_path, folder):
    path, model = folder
    network = create("huggingface", K, model=str(path)).eval()
    pixels = clip().transpose(1, 2)
    torch.testing.assert_close(model.classifier(network.features(clip())), model(pixels).logits)
    primary = {"name": "huggingface", "num_frames": 4, "options": {"model": str(path)}}
    card = build.build_card(
        settings(**{"networks.primary": primary}), network=network, classes=list("abcde")
    )
    save_network(tmp_path / "model", network, card)
    assert str(path) not in (tmp_path / "model" / "card.json").read_text()
    shutil.rmtree(path)
    loaded, _ = load_network(tmp_path / "model")
    assert torch.equal(loaded(clip()), network(clip()))


def test_huggingface__takes_the_mean_of_tokens_where_a_folder_has_no_pooler(tmp_path, caplog):
    from transformers import VJEPA2Config, VJEPA2Model

    torch.manual_seed(0)
    body = VJEPA2Model(VJEPA2Config(**CONFIGS["vjepa2"])).eval()
    body.save_pretrained(tmp_path / "folder")
    network = create("huggingface", K, model=str(tmp_path / "folder")).eval()
    assert not any("pooler" in name for name, _ in network.named_parameters())
    wanted = body.get_vision_features(clip().transpose(1, 2)).mean(dim=1)
    torch.testing.assert_close(network.features(clip()), wanted)
    assert "pooler" not in caplog.text
    options = network.card_options({"model": str(tmp_path / "folder")})
    assert create("huggingface", K, **options).state_dict().keys() == network.state_dict().keys()


def test_huggingface__has_no_mean_of_tokens_where_there_is_no_pooler():
    with pytest.raises(ConfigError, match="pool = 'mean' is for vjepa2, whose pooler it replaces"):
        tiny("videomae", pool="mean")


def test_huggingface__refuses_a_folder_with_missing_weights(folder):
    path, _ = folder
    gone = [f"videomae.encoder.layer.{i}.output.dense.weight" for i in range(2)]
    change_weights(path, lambda weights: [weights.pop(name) for name in gone])
    sentence = rf"the weights in .* are not those of its videomae: 2 missing \({', '.join(gone)}\)"
    with pytest.raises(CheckpointError, match=sentence):
        create("huggingface", K, model=str(path))


def test_huggingface__refuses_weights_of_another_shape(folder):
    sentence = r"32 of other shape \(fc_norm.bias \(32,\) in the file, \(16,\) here, .*, \.\.\.\);"
    with pytest.raises(CheckpointError, match=sentence):
        create("huggingface", K, model=str(folder[0]), config={"hidden_size": 16})


def test_huggingface__says_once_what_is_new_and_what_is_not_used(folder, caplog):
    path, _ = folder

    def as_pretraining(weights):
        del weights["fc_norm.bias"], weights["classifier.bias"], weights["classifier.weight"]
        weights["decoder.weight"] = torch.zeros(2)

    change_weights(path, as_pretraining)
    with caplog.at_level(logging.WARNING, "semivideo"):
        create("huggingface", K, model=str(path))
        create("huggingface", K, model=str(path))
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: weights 1 new, not in the folder (fc_norm.bias); "
        "1 of the folder not used (decoder.weight)"
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"there is no .*config.json; give a folder of a transformers model"),
        ("{", r"cannot read .*config.json: it is not JSON \(Expecting"),
        (json.dumps({"model_type": "bert"}), r"is of model_type 'bert'; supported are videomae, "),
    ],
)
def test_huggingface__says_what_is_wrong_with_a_folder(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=sentence):
        create("huggingface", K, model=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, r"huggingface needs the option 'model'"),
        ({"model": "videomea"}, r"neither a type \(videomae, .*did you mean 'videomae'\?; nothing"),
        (
            {"model": "videomae", "config": {"num_frame": 8}},
            r"config of videomae has no key 'num_frame'; did you mean 'num_frames'\? \[accepts: im",
        ),
        (
            {"model": "videomae", "config": {"hidden_size": "big"}},
            r"config of videomae is not allowed: Field 'hidden_size' expected int, got str",
        ),
        (
            {"model": "timesformer", "config": {"hidden_size": 33}},
            r"hidden_size = 33 cannot be shared by num_attention_heads = 12; set a multiple",
        ),
        (
            {"model": "vivit", "config": CONFIGS["vivit"] | {"hidden_act": "gulu"}},
            r"config of vivit gives no model \(KeyError: 'gulu'\); change it",
        ),
    ],
)
def test_huggingface__says_what_is_wrong_with_its_options(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        create("huggingface", K, **options)


@pytest.mark.parametrize("model", ["videomae", "timesformer", "vivit"])
@pytest.mark.parametrize(("num_frames", "size"), [(8, 32), (4, 48)])
def test_huggingface__refuses_clips_its_positions_do_not_cover(model, num_frames, size):
    sentence = (
        f"{model} was made for 4 frames of 32 pixels, the settings give {num_frames} of {size}; "
        f"change them, or options.config: num_frames = {num_frames}, image_size = {size}"
    )
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        tiny(model).features(clip(num_frames, size))


def test_huggingface__vjepa2_takes_any_number_of_whole_tubelets():
    network = tiny("vjepa2")
    assert network(clip(8)).shape == (2, K)
    with pytest.raises(ConfigError, match=r"vjepa2 cuts clips into pieces of 2 frames of 16 pix"):
        network(clip(5))
    with pytest.raises(ConfigError, match=r"4 frames of 32 pixels, .* crop_size = 48"):
        network(clip(4, 48))


def test_build_method__refuses_settings_that_a_transformer_cannot_see():
    sentence = r"networks.auxiliary with views.crop_size = 40: videomae was made for 4 frames of 32"
    with pytest.raises(ConfigError, match=sentence):
        build.build_method(settings(**{"views.crop_size": 40}), num_classes=K)
    as_primary = {"networks.primary": settings().networks.auxiliary.model_dump()}
    sentence = r"networks.primary with evaluation.crop_size = 37: .*the settings give 4 of 37"
    with pytest.raises(ConfigError, match=sentence):
        build.build_method(settings(**as_primary), num_classes=K)


def test_build_method__asks_for_an_auxiliary_network_where_no_twin_can_be_made():
    alone = settings(
        **{
            "networks.primary": settings().networks.auxiliary.model_dump(),
            "networks.auxiliary": None,
        }
    )
    with pytest.raises(ConfigError, match=r"networks.auxiliary is not set, and huggingface has no"):
        build.build_method(alone, num_classes=K)


def test_huggingface__without_transformers_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    sentence = r"need the 'transformers' package: pip install semivideo\[hf\]"
    with pytest.raises(MissingExtraError, match=sentence):
        tiny("videomae")


def test_cmpl__trains_a_convolutional_with_a_transformer_network():
    torch.manual_seed(0)
    method = build.build_method(settings(), num_classes=K)
    optimizer = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)
    pixels = torch.arange(3 * 40 * 48).reshape(3, 40, 48)

    def clips(num: int) -> dict:
        frames = torch.stack([pixels * (n + 3) % 256 for n in range(num)]).to(torch.uint8)
        return {
            "frames": {
                name: frames[:, None].repeat(1, spec.num_frames, 1, 1, 1)
                for name, spec in method.clips.items()
            },
            "size": torch.tensor([[40, 48]]).repeat(num, 1),
            "video": torch.arange(num),
            "draw": torch.arange(num),
        }

    labeled = LabeledClips(**clips(4), label=torch.arange(4))
    before = {name: p.detach().clone() for name, p in method.named_parameters()}
    for step in range(2):
        result = method(Batch(labeled, Clips(**clips(6)), step=step, progress=step / 2))
        assert all(term.isfinite() and term > 0 for term in result.terms.values())
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
    still = [name for name, p in method.named_parameters() if torch.equal(p, before[name])]
    assert still == []


@pytest.mark.parametrize("model", CONFIGS)
def test_attention_map__is_a_share_of_each_place_and_leaves_the_model_as_it_was(model):
    network = tiny(model).eval()
    with torch.no_grad():
        before = network(clip())
        found = network.attention_map(clip())
        assert torch.equal(network(clip()), before)
    frames = 4 if model == "timesformer" else 2  # tubelets of two frames
    assert found.shape == (2, frames, 2, 2)
    assert (found > 0).all()
    total = found.flatten(2).sum(dim=2) if model == "timesformer" else found.flatten(1).sum(dim=1)
    assert (total <= 1 + 1e-5).all()
    if model in ("videomae", "vjepa2"):  # no class token: tokens share their attention out
        torch.testing.assert_close(total, torch.ones_like(total))
