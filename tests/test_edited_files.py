"""Every file that we read, edited in any way: a sentence of ours, or what it says.

Files that carry a digest of their content (``SEALED``) mean what they meant before, or are refused.
"""

import copy
import gzip
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semivideo import models
from semivideo.analysis.pseudo_labels import LateLabels
from semivideo.analysis.result import Result
from semivideo.base.errors import SemiVideoError
from semivideo.data.cache.form import CacheForm
from semivideo.data.cache.index import PIECE, VIDEO, Header, ShardIndex, write_index
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.splits import Split
from semivideo.data.video.barcodes import barcode_video
from semivideo.engine.checkpoint import Checkpoint, Checkpoints
from semivideo.evaluation.infer import Prediction
from semivideo.evaluation.metrics import Evaluation
from semivideo.evaluation.prediction_file import PredictionFile
from semivideo.events.lists import read_list
from semivideo.models.weights import load_network, save_network
from semivideo.run.choice.cross_validation import Estimate
from semivideo.runfolder import RunFolder
from semivideo.settings import ModelCard, Settings

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 2**31, 2**63, 2**64, 10**30, -(10**9), 1e308, -0.5]),
    st.sampled_from(["", "x", "a.b:C", "\0", "x" * 999]),
    st.sampled_from([[], {}, [[]], {"a": {}}, [None], [1e999], [0] * 50]),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=3),
)
SEALED = {"split", "index", "checkpoint", "scores"}


def split():
    return Split("five", 3, labeled=("a", "b"), unlabeled=("c",), test=("d", "e"))


def evaluation():
    scores = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    return Evaluation("1x1", ("run", "walk"), ("d", "e"), scores, np.array([0, 1]))


def model(folder):
    torch.manual_seed(0)
    options = {"width": 1 / 32}
    card = {
        "network": {"name": "resnet3d10", "options": options, "num_frames": 2},
        "classes": ["run", "walk"],
        "data": {},
        "views": {},
        "evaluation": {},
        "method": "supervised",
        "weights_sha256": "",
    }
    network = models.create("resnet3d10", 2, **options)
    save_network(folder, network, ModelCard.model_validate(card))


def write_everything(folder: Path) -> None:
    """One of each file."""
    (folder / "videos").mkdir()
    barcode_video(folder / "videos" / "a.mp4", 10)
    scan(folder / "videos", out=folder / "videos" / "manifest.parquet")
    split().write(folder / "split.json")
    run = RunFolder.create(folder / "run")
    run.begun(Settings())
    run.append_metrics({"step": 1, "loss": 0.5})
    run.append_metrics({"step": 2, "loss": 0.25})
    evaluation().write(folder / "run" / "evaluation.json")
    state = {"weights": torch.ones(3), "more": [1, None, {"a": True}]}
    Checkpoints(run, keep=1).save(Checkpoint(5, "s", "t", state))
    model(folder / "model")
    form = CacheForm.make(num_videos=2, videos="ab", videos_per_shard=2)
    (folder / "cache").mkdir()
    form.write(folder / "cache")
    pieces = np.zeros(3, PIECE)
    videos = np.array([(0, 2, 0, 2, 8, 8, 0), (2, 1, 0, 1, 8, 8, 0)], dtype=VIDEO)
    write_index(
        folder / "0.index", Header(0, 2, 3, 99, 7, {"1": "why"}), videos=videos, pieces=pieces
    )
    labels = LateLabels(0.5, 0.25)
    Result(run, Settings(), split(), evaluation(), {"seconds": 1.0}, labels, 7).write(
        folder / "a.run.json.gz"
    )
    (folder / "labels.csv").write_text("path,label,start,end\na.mp4,run,0.5,1\nb.mp4,walk,,\n")
    for name in ("found.csv", "found.json", "found.jsonl"):
        with PredictionFile(folder / name, [Path("a.mp4")], model="m", top=2) as table:
            table.add(Prediction("a.mp4", ("run", "walk"), (0.75, 0.25)))


def checkpoint_of(file):
    """The checkpoint, where a file of any name lies alone."""
    run = RunFolder(file.parents[1])
    found = Checkpoints(run, keep=1).newest()
    return found and (found.step, found.state["weights"].tolist(), found.state["more"])


def found_of(file):
    return PredictionFile(file, [Path("a.mp4")], model="m", top=2).missing


READERS = {
    "manifest": ("videos/manifest.parquet", lambda f: [Manifest.read(f)[0].num_frames]),
    "split": ("split.json", Split.read),
    "settings": ("run/settings.yaml", lambda f: RunFolder(f.parent).settings()),
    "metrics": ("run/metrics.jsonl", lambda f: RunFolder(f.parent).metrics()),
    "evaluation": ("run/evaluation.json", lambda f: Evaluation.read(f).top1),
    "scores": ("run/evaluation.npz", lambda f: Evaluation.read(f.with_suffix(".json")).top1),
    "checkpoint": ("run/checkpoints/*.safetensors", checkpoint_of),
    "card": ("model/card.json", lambda f: load_network(f.parent)[1].classes),
    "weights": ("model/model.safetensors", lambda f: load_network(f.parent)[1].classes),
    "cache": ("cache/cache.json", lambda f: CacheForm.read(f.parent)),
    "index": ("0.index", lambda f: (ShardIndex(f).header, ShardIndex(f).videos.tolist())),
    "record": ("a.run.json.gz", lambda f: Result.read(f).summary),
    "estimate": ("run/estimate.json", lambda f: Estimate.read(RunFolder(f.parent))),
    "list": ("labels.csv", read_list),
    "predictions as CSV": ("found.csv", found_of),
    "predictions as JSON": ("found.json", found_of),
    "predictions as lines": ("found.jsonl", found_of),
}
"""What is read to the file of ``write_everything`` and how it is read."""
TEXTS = {".json": (json.loads, json.dumps), ".yaml": (yaml.safe_load, yaml.safe_dump)}
TEXTS[".gz"] = (
    lambda content: json.loads(gzip.decompress(content)),
    lambda values: gzip.compress(json.dumps(values).encode()),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_everything(folder)
    estimate = {name: 1 for name in Estimate.__dataclass_fields__}
    estimate |= {"classes": ["a", "b"], "confusion": [[1, 0], [0, 1]], "skipped": []}
    (folder / "run" / "estimate.json").write_text(json.dumps(estimate))
    return folder


def require_sentence_or_meaning(name, folder, content, edited):
    """Read an edited file; put the old one back."""
    pattern, read = READERS[name]
    [file] = folder.glob(pattern)
    meaning = read(file) if name in SEALED else None
    file.write_bytes(edited)
    try:
        with suppress(SemiVideoError):
            found = read(file)
            assert name not in SEALED or found == meaning
    finally:
        file.write_bytes(content)


def quickly(number):
    """Few examples, the same ones each time."""
    return settings(
        max_examples=number,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_edited__bytes(files, name):
    [file] = files.glob(READERS[name][0])
    content = file.read_bytes()

    @quickly(25)
    @given(st.data())
    def check(data):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.sampled_from([0, 1, 4, 100]))
        filling = data.draw(st.binary(max_size=8))
        tail = content[place + length :] if data.draw(st.booleans()) else b""
        require_sentence_or_meaning(name, files, content, content[:place] + filling + tail)

    check()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", [name for name, (pattern, _) in READERS.items() if Path(pattern).suffix in TEXTS]
)
def test_edited__values(files, name):
    [file] = files.glob(READERS[name][0])
    content = file.read_bytes()
    parse, write = TEXTS[file.suffix]
    values = parse(content)

    @quickly(8 if name == "card" else 30)  # a network is built each time
    @given(st.data())
    def check(data):
        edited = copy.deepcopy(values)
        node, key = edited, None
        for _ in range(data.draw(st.integers(1, 4))):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            parent, key = node, data.draw(st.sampled_from(keys))
            node = parent[key]
            if not isinstance(node, dict | list):
                break
        parent[key] = data.draw(VALUES)
        if isinstance(parent, dict) and data.draw(st.integers(0, 3)) == 0:
            del parent[key]
        text = write(edited)
        text = text.encode() if isinstance(text, str) else text
        require_sentence_or_meaning(name, files, content, text)

    check()


DEEP = 1000


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"null",
        b"3",
        b"{}",
        b"",
        b"\xff\xfe\0",
        b"[" * DEEP + b"]" * DEEP,
        b'{"format": ' + b"9" * 5000 + b"}",
        b'{"a": NaN}',
        b"a: &a [*a]",
        b"&b [[&a [x, x], *a, *a]]",
    ],
    ids=lambda content: repr(content[:14]),
)
@pytest.mark.parametrize("name", [name for name in READERS if name not in ("list", "weights")])
def test_edited__wholly(files, name, content):
    [file] = files.glob(READERS[name][0])
    require_sentence_or_meaning(name, files, file.read_bytes(), content)


def test_edited__cells_of_any_length(files):
    """Python's csv takes none of more than 131072 characters."""
    [file] = files.glob("labels.csv")
    for line in ("path,label,{}\na,b\n", "path,label\na.mp4,{}\n"):
        long = line.format("x" * 140_000).encode()
        require_sentence_or_meaning("list", files, file.read_bytes(), long)
