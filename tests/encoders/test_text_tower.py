"""Class names through the text network of tiny folders, against the library's own outputs."""

import os

import pytest
import torch

from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.encoders.folder_encoder import FolderEncoder
from tests.encoders.tiny_folders import write_folder, write_text_folder

transformers = pytest.importorskip("transformers", reason="needs the extra hf")
ABOUT = [["a man waves", "he waves"], ["a man squats"]]
ORIGIN = {"pretrained_on": "noise", "licence": "none", "league": None}


def test_class_texts__are_means_of_the_librarys_embeddings(tmp_path):
    folder = write_text_folder(tmp_path / "clip", "clip")
    found = FolderEncoder("clip", folder, **ORIGIN).class_texts(ABOUT)
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    expected = []
    with torch.no_grad():
        for sentences in ABOUT:
            each = [
                model.get_text_features(**tokenizer(s, return_tensors="pt")).pooler_output[0]
                for s in sentences
            ]
            mean = sum(vector / vector.norm() for vector in each)
            expected.append(mean / mean.norm())
    torch.testing.assert_close(found.vectors, torch.stack(expected), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found.vectors[0], found.vectors[1], atol=1e-3)
    assert found.scale == pytest.approx(model.logit_scale.exp().item())


def test_class_texts__fill_siglips_sentences_to_their_length(tmp_path):
    folder = write_text_folder(tmp_path / "siglip", "siglip")
    found = FolderEncoder("siglip", folder, **ORIGIN).class_texts([["he waves"], ["he squats"]])
    model = transformers.SiglipModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    options = {"padding": "max_length", "max_length": 64, "return_tensors": "pt"}
    with torch.no_grad():
        ids = tokenizer("he squats", **options)["input_ids"]
        expected = model.get_text_features(input_ids=ids).pooler_output[0]
    torch.testing.assert_close(found.vectors[1], expected / expected.norm(), rtol=1e-4, atol=1e-5)


def test_class_texts__refuse_folders_that_know_no_sentences(tmp_path):
    dino = FolderEncoder("dino", write_folder(tmp_path / "dinov2", "dinov2"), **ORIGIN)
    with pytest.raises(ConfigError, match="is of model_type 'dinov2', which knows no sentences; t"):
        dino.class_texts(ABOUT)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "it has none of tokenizer.json, vocab"), ("{", "copy tokenizer"), ("{}", "copy token")],
)
def test_class_texts__need_a_tokenizer(tmp_path, content, why):
    folder = write_folder(tmp_path / "clip", "clip")
    if content is not None:
        (folder / "tokenizer.json").write_text(content)
    encoder = FolderEncoder("clip", folder, **ORIGIN)
    with pytest.raises(CheckpointError, match=rf"clip has no tokenizer that can be used \(.*{why}"):
        encoder.class_texts(ABOUT)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_class_texts__do_not_wait_for_a_tokenizer(tmp_path):
    folder = write_text_folder(tmp_path / "clip", "clip")
    (folder / "tokenizer_config.json").unlink()
    os.mkfifo(folder / "tokenizer_config.json")
    encoder = FolderEncoder("clip", folder, **ORIGIN)
    with pytest.raises(
        CheckpointError, match=r"\(tokenizer_config.json is no regular file\); copy"
    ):
        encoder.class_texts(ABOUT)


def test_class_texts__refuse_a_tokenizer_of_another_network(tmp_path):
    folder = write_folder(tmp_path / "clip", "clip")  # of 20 tokens
    other = write_text_folder(tmp_path / "other", "clip")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(CheckpointError, match=r"it has 60 tokens, and the network knows 20"):
        FolderEncoder("clip", folder, **ORIGIN).class_texts(ABOUT)
