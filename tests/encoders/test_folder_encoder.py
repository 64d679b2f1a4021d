"""Folders as encoders: the feature of each family, and a sentence for what cannot be used."""

import json
import os
import pickle
import sys

import pytest
import safetensors.torch
import torch

from semivideo.base.errors import CheckpointError, ConfigError, MissingExtraError
from semivideo.encoders.encoder import Preprocessing
from semivideo.encoders.families import FAMILIES
from semivideo.encoders.folder_encoder import FolderEncoder, weights_digest
from tests.encoders.tiny_folders import FOLDERS, SIDE, write_folder

transformers = pytest.importorskip("transformers", reason="needs the extra hf")


def encoder(folder, **more):
    given = {"pretrained_on": "noise", "licence": "none", "league": None, **more}
    return FolderEncoder("mine", folder, **given)


def clip(num_frames, num=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(num, 3, num_frames, SIDE, SIDE, generator=generator)


def change_weights(folder, change):
    file = folder / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    change(weights)
    safetensors.torch.save_file(weights, file, metadata={"format": "pt"})


def published(model_type, network, pixels):
    """The feature as the family's own class gives it: (N, D), or of pictures (N T, D)."""
    with torch.no_grad():
        match model_type:
            case "clip" | "metaclip_2" | "siglip":
                return network.get_image_features(pixel_values=pixels).pooler_output
            case "aimv2":
                return network.vision_model(pixel_values=pixels).pooler_output
            case "dinov2" | "dinov3_vit":
                return network(pixel_values=pixels).last_hidden_state[:, 0]
            case "videomae":
                tokens = network.videomae(pixel_values=pixels).last_hidden_state
                return network.fc_norm(tokens.mean(dim=1))
            case "timesformer" | "vivit":
                return network(pixel_values=pixels).last_hidden_state[:, 0]
            case "vjepa2":
                return network.get_vision_features(pixels).mean(dim=1)
            case "videoprism_vision_model":
                return network(pixel_values_videos=pixels).last_hidden_state.mean(dim=1)
            case "xclip":
                return network.get_video_features(pixel_values=pixels).pooler_output


@pytest.mark.parametrize("model_type", list(FOLDERS))
def test_encoder__gives_the_feature_that_its_family_publishes(model_type, tmp_path):
    given = FOLDERS[model_type]
    made = encoder(write_folder(tmp_path / "folder", model_type))
    num_frames = made.frames_of_clip(None)
    assert num_frames == (given.frames or made.usual_frames)
    found = made(clip(num_frames))
    network = getattr(transformers, given.network).from_pretrained(tmp_path / "folder").eval()
    pixels = clip(num_frames).transpose(1, 2)
    if FAMILIES[model_type].is_video:
        assert found.shape == (2, given.steps, given.dim)
        wanted = published(model_type, network, pixels)
        torch.testing.assert_close(found.mean(dim=1), wanted, rtol=1e-4, atol=1e-5)
        assert made.origin.league == "video weights"
    else:
        wanted = published(model_type, network, pixels.flatten(0, 1)).view(2, num_frames, -1)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        assert made.origin.league == "image weights"
    assert made.dim == given.dim == found.shape[-1]
    assert not made.training
    assert not any(p.requires_grad for p in made.parameters())


def test_encoder__of_pretraining_weights_has_no_norm_that_was_never_trained(tmp_path):
    folder = write_folder(tmp_path / "folder", "videomae")
    tuned = encoder(folder)(clip(4))

    def as_pretraining(weights):
        for name in ("fc_norm.weight", "fc_norm.bias", "classifier.weight", "classifier.bias"):
            del weights[name]

    change_weights(folder, as_pretraining)
    made = encoder(folder)
    assert made.network.fc_norm is None
    network = made.network.videomae
    wanted = network(pixel_values=clip(4).transpose(1, 2)).last_hidden_state.mean(dim=1)
    torch.testing.assert_close(made(clip(4))[:, 0], wanted)
    assert not torch.allclose(made(clip(4)), tuned)


def test_encoder__of_v_jepa_2_has_neither_pooler_nor_predictor(tmp_path):
    made = encoder(write_folder(tmp_path / "folder", "vjepa2"))
    names = [name for name, _ in made.named_parameters()]
    assert not any("pooler" in name or "predictor" in name for name in names)
    assert made.frames_of_clip(6) == 6
    with pytest.raises(ConfigError, match=r"takes 2 frames at a time, and 7 .* choose frames=8"):
        made.frames_of_clip(7)


@pytest.mark.parametrize("model_type", [name for name in FOLDERS if FOLDERS[name].frames])
def test_encoder__demands_the_frames_of_its_network(model_type, tmp_path):
    made = encoder(write_folder(tmp_path / "folder", model_type))
    with pytest.raises(ConfigError, match="mine takes 4 frames, not 8; leave out frames"):
        made.frames_of_clip(8)


def test_encoder__refuses_weights_that_do_not_fill_its_network(tmp_path):
    folder = write_folder(tmp_path / "folder", "vjepa2")
    change_weights(folder, lambda weights: weights.pop("encoder.layernorm.bias"))
    sentence = (
        r"do not fill its vjepa2 network: 1 missing \(encoder.layernorm.bias\); copy config.json "
        "and weights of one network again"
    )
    with pytest.raises(CheckpointError, match=sentence):
        encoder(folder)


def test_encoder__refuses_weights_of_another_network(tmp_path):
    folder = write_folder(tmp_path / "folder", "clip")
    other = write_folder(tmp_path / "other", "dinov2")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"do not fill its clip_vision_model network: \d+ mi"):
        encoder(folder)


def test_encoder__without_processor_file_is_one_sentence(tmp_path):
    folder = write_folder(tmp_path / "folder", "videomae")
    (folder / "preprocessor_config.json").unlink()
    sentence = (
        r"has no preprocessor_config.json or video_preprocessor_config.json, so nobody knows "
        "which pixels its weights were trained on; copy that file too"
    )
    with pytest.raises(CheckpointError, match=sentence):
        encoder(folder)


def test_encoder__refuses_the_processor_file_of_another_network(tmp_path):
    processor = {**FOLDERS["clip"].processor, "crop_size": 24}
    folder = write_folder(tmp_path / "folder", "clip", processor=processor)
    with pytest.raises(CheckpointError, match="makes pictures of 24 pixels, and its network takes"):
        encoder(folder)


def test_encoder__runs_no_code_of_a_folder(tmp_path):
    write_folder(tmp_path / "folder", "clip")
    config = {"model_type": "internvideo2", "auto_map": {"AutoModel": "modeling.InternVideo2"}}
    (tmp_path / "folder" / "config.json").write_text(json.dumps(config))
    (tmp_path / "folder" / "modeling.py").write_text("raise SystemExit('ran')")
    sentence = "needs code of its own .* no code of a folder is run; .* as module:factory"
    with pytest.raises(ConfigError, match=sentence):
        encoder(tmp_path / "folder")


def test_encoder__reads_pickles_as_weights_only(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    expected = encoder(folder)(clip(2))
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    torch.testing.assert_close(encoder(folder)(clip(2)), expected)

    class Evil:
        def __reduce__(self):
            return (sys.exit, ("ran",))

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(CheckpointError, match=r"cannot load .*; copy the folder again"):
        encoder(folder)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"model_type": "bert"}, "model_type 'bert', which is no encoder here; known are clip, "),
        ({"model_type": "siglip2"}, r"no encoder here \(SigLIP 2 of a fixed size is\)"),
    ],
)
def test_encoder__names_the_families(tmp_path, config, sentence):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=sentence):
        encoder(tmp_path)


def test_encoder__without_weights_is_one_sentence(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no weights .*; copy them too"):
        encoder(folder)


def test_encoder__without_transformers_says_what_to_install(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "folder", "dinov2")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install semivideo\[hf\]"):
        encoder(folder)


def change_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"num_hidden_layers": 10**8},
            "num_hidden_layers = 100000000, which must be from 1 to 256",
        ),
        ({"hidden_size": 40000}, "hidden_size = 40000, which must be from 1 to 8192"),
        (
            {"image_size": [10**6, 32]},
            r"image_size = \[1000000, 32\], which must be from 1 to 4096",
        ),
        ({"num_attention_heads": 0}, "num_attention_heads = 0, which must be from 1 to 1024"),
        ({"patch_size": 0}, "patch_size = 0, which must be from 1 to 512"),
        ({"patch_size": []}, "not enough values"),
        ({"image_size": 4096, "patch_size": 1}, "its frames and pixels make 4294967296 numbers"),
    ],
)
def test_encoder__refuses_sizes_that_no_network_has(tmp_path, changes, sentence):
    folder = write_folder(tmp_path / "folder", "dinov2")
    change_config(folder, **changes)
    with pytest.raises(ConfigError, match=rf"^config of dinov2 is not allowed: {sentence}.*; "):
        encoder(folder)


def test_encoder__refuses_sizes_of_a_tower(tmp_path):
    folder = write_folder(tmp_path / "folder", "xclip")
    change_config(folder, text_config={"vocab_size": 10**9})
    with pytest.raises(
        ConfigError, match=r"allowed: text_config.vocab_size = 1000000000, which mus"
    ):
        encoder(folder)


def test_encoder__refuses_a_network_that_is_larger_than_its_weights(tmp_path):
    folder = write_folder(tmp_path / "folder", "vjepa2")
    change_config(folder, pred_hidden_size=8192)  # a part whose weights need not be there
    sentence = (
        r"the weights in .* have \d+ bytes, and its config.json asks for a network of more "
        "numbers; copy config.json and weights of one network again"
    )
    with pytest.raises(CheckpointError, match=sentence):
        encoder(folder)


def test_encoder__says_what_a_configuration_makes_impossible(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    change_config(folder, hidden_act="gulu")
    with pytest.raises(CheckpointError, match=r"^cannot load .*: 'gulu'; copy the folder again$"):
        encoder(folder)
    change_config(folder, model_type=["dinov2"])
    with pytest.raises(ConfigError, match=r"is of model_type \['dinov2'\], which is no name; copy"):
        encoder(folder)


def test_encoder__computes_as_it_was_built_to_whatever_its_folder_names(tmp_path):
    folder = write_folder(tmp_path / "folder", "xclip")
    wanted = encoder(folder)(clip(4))
    kernel = {"attn_implementation": "somebody/kernel", "_attn_implementation": "somebody/kernel"}
    stored = json.loads((folder / "config.json").read_bytes())
    towers = {name: {**stored[name], **kernel} for name in ("text_config", "vision_config")}
    change_config(
        folder,
        **kernel,
        **towers,
        auto_map={"AutoModel": "modeling.Network"},
        fusion_config={"patch_embeddings": True},
        transformers_weights="../elsewhere.safetensors",
        output_attentions=True,
    )
    made = encoder(folder)
    assert torch.equal(made(clip(4)), wanted)
    assert made.network.config._attn_implementation in ("sdpa", "eager")


def test_encoder__refuses_quantised_weights(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    change_config(folder, quantization_config={"quant_method": "fp8"})
    sentence = (
        r"quantised \(quantization_config\), and such are not read; take the network's weight"
    )
    with pytest.raises(ConfigError, match=sentence):
        encoder(folder)


def test_encoder__refuses_an_adapter(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    (folder / "adapter_config.json").write_text("{}")
    sentence = (
        r"has an adapter \(adapter_config.json\), which is not joined .*; merge the two \(mer"
    )
    with pytest.raises(CheckpointError, match=sentence):
        encoder(folder)


def test_encoder__reads_shards_of_its_folder_and_nothing_that_an_index_names(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    wanted = encoder(folder)(clip(2))
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(tmp_path / "precious.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, "../precious.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"has no weights .*; copy them too"):
        encoder(folder)
    names = sorted(weights)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = folder / f"model-{number:05}-of-00002.safetensors"
        safetensors.torch.save_file({name: weights[name] for name in part}, file)
    assert torch.equal(encoder(folder)(clip(2)), wanted)
    safetensors.torch.save_file(weights, folder / "model-00003-of-00003.safetensors")
    with pytest.raises(CheckpointError, match=r"is in two of its files; copy the folder again$"):
        encoder(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_encoder__does_not_wait_for_weights(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="it is a named pipe and no regular file"):
        encoder(folder)


def test_digest__is_that_of_the_file_and_changes_with_it(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    before = weights_digest(folder)
    assert encoder(folder).origin.sha256 == before
    change_weights(folder, lambda weights: next(iter(weights.values())).add_(1))
    assert weights_digest(folder) != before


def test_preprocessing__of_a_joint_file_is_that_of_its_part(tmp_path):
    folder = write_folder(tmp_path / "folder", "clip")
    content = json.loads((folder / "preprocessor_config.json").read_bytes())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": content}))
    assert encoder(folder).preprocessing == Preprocessing(
        crop_size=32,
        short_side=40,
        mean=tuple(FOLDERS["clip"].processor["image_mean"]),
        std=tuple(FOLDERS["clip"].processor["image_std"]),
        interpolation="bicubic",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"resample": 0}, "says resample 0, and only 2"),
        ({"do_resize": False}, "does not resize"),
        ({"image_mean": None}, "says no usable image_mean"),
        ({"image_std": [0, 0, 0]}, "says no usable image_mean"),
        ({"size": {"longest_edge": 64}}, "and a square crop of such frames cannot be made"),
        ({"size": 10**9, "crop_size": 10**9}, "square crop of such frames cannot be made"),
        ({"rescale_factor": 1e-320}, "says no usable image_mean"),
        ({"crop_size": {"height": 32, "width": 16}}, "square crop of such frames cannot be made"),
    ],
)
def test_preprocessing__says_what_is_wrong_with_a_file(tmp_path, change, sentence):
    processor = {**FOLDERS["clip"].processor, **change}
    folder = write_folder(tmp_path / "folder", "clip", processor=processor)
    with pytest.raises(CheckpointError, match=sentence):
        encoder(folder)
