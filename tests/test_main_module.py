"""``python -m semivideo`` runs nothing of the folder it is started in."""

import os
import subprocess
import sys
from pathlib import Path

from semivideo.__main__ import _without_current_folder

ROOT = Path(__file__).parents[1]


def test_main__takes_no_module_of_the_current_folder(tmp_path):
    for name in ("typer", "rich", "yaml", "av"):
        (tmp_path / f"{name}.py").write_text("open('was_run', 'w')\nraise SystemExit(9)\n")
    result = subprocess.run(
        [sys.executable, "-m", "semivideo", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout[:9]) == (0, "semivideo")
    assert not (tmp_path / "was_run").exists()


def test_main__looks_last_where_the_package_lies_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = os.path.realpath(tmp_path)
    inside = str(tmp_path / "semivideo" / "__main__.py")
    assert _without_current_folder([here, "lib"], inside) == ["lib", here]
    assert _without_current_folder([here, "lib"], "/elsewhere/semivideo/__main__.py") == ["lib"]
    assert _without_current_folder(["bin", here], inside) == ["bin", here]
