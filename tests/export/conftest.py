"""A finished run on rendered video, and what it was exported to."""

import pytest

import semivideo
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.export.exporting import export
from tests.run.conftest import TINY


@pytest.fixture(scope="session")
def pixel_run(tmp_path_factory):
    """FixMatch for two steps on twelve rendered videos; treat it as read-only."""
    folder = tmp_path_factory.mktemp("export")
    render(folder / "v", videos_per_class=6, seed=0, classes=["wave", "squat"], num_groups=3)
    manifest = semivideo.scan(folder / "v", group_pattern=GROUP_PATTERN)
    split = semivideo.split(manifest, labels_per_class=1, test_groups=["g02"])
    settings = {name: value for name, value in TINY.items() if "auxiliary" not in name}
    run = semivideo.train(
        manifest,
        recipe="small-fixmatch",
        split=split,
        steps=2,
        settings=settings,
        out=folder / "run",
    )
    semivideo.evaluate(run, protocol="1x1")
    return run


@pytest.fixture(scope="session")
def onnx_folder(pixel_run, tmp_path_factory):
    """The run as ONNX."""
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    pytest.importorskip("onnxscript", reason="needs the extra export")
    return export(pixel_run, out=tmp_path_factory.mktemp("onnx") / "model").path
