"""The example of an exported network, on a video."""

import subprocess
import sys
from pathlib import Path

import pytest

import semivideo

SCRIPT = Path(__file__).parents[2] / "examples" / "run_onnx.py"


def test_run_onnx__names_what_the_run_names(pixel_run, onnx_folder):
    """Where neither PyTorch nor this package can be imported."""
    video = semivideo.api.as_manifest(pixel_run.folder.manifest_file).absolute(0)
    code = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['semivideo'] = None\n"
        f"sys.argv = ['run_onnx.py', {str(onnx_folder)!r}, {str(video)!r}]\n"
        f"runpy.run_path({str(SCRIPT)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = semivideo.predict(pixel_run, [video])[0]
    assert done.stdout.split()[0] == expected.classes[0]
    assert float(done.stdout.split()[1]) == pytest.approx(100 * expected.probabilities[0], abs=2)


def test_run_onnx__is_short():
    code = SCRIPT.read_text().partition('"""\n\n')[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
