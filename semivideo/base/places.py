"""What lies at a path, told by the names of files, for the sentence about a path of a wrong kind.

People name a folder of runs for a run, a run for its videos, or a manifest for a split. What they
read then says what it is that they named, and what to name.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from semivideo.base.errors import DataError

Kind = Literal[
    "run",
    "runs",
    "model",
    "cache",
    "features",
    "manifest",
    "split",
    "record",
    "folder",
    "file",
    "nothing",
]

NAMES: dict[Kind, str] = {
    "run": "a run folder",
    "runs": "a folder of runs",
    "model": "the folder of a trained network",
    "cache": "a prepared cache",
    "features": "a cache of features",
    "manifest": "a manifest of videos",
    "split": "a split",
    "record": "the record of a run",
    "folder": "a folder",
    "file": "a file",
    "nothing": "not there",
}
_SETTINGS = "settings.yaml"
_FOLDERS: dict[str, Kind] = {
    _SETTINGS: "run",
    "card.json": "model",
    "cache.json": "cache",
    "features.json": "features",
}
_SPLIT_KEYS = ('"labeled"', '"hash"')
_HEAD = 4096  # bytes of a file that are looked at


def what_is(path: Path) -> Kind:
    """Say what lies at a path, as far as names and a file's first bytes tell."""
    if path.is_dir():
        for name, kind in _FOLDERS.items():
            if (path / name).is_file():
                return kind
        return "folder" if first_run(path) is None else "runs"
    if not path.is_file():
        return "nothing"
    if path.name.endswith(".run.json.gz"):
        return "record"
    if path.suffix == ".parquet":
        return "manifest"
    return "split" if path.suffix == ".json" and _is_split(path) else "file"


def first_run(folder: Path) -> Path | None:
    """Return the first run folder right in a folder, or None."""
    try:
        found = sorted(file.parent for file in folder.glob(f"*/{_SETTINGS}"))
    except OSError:
        return None
    return found[0] if found else None


def not_a_run(path: Path) -> str:
    """Return the sentence about a path that is named where a run folder is wanted."""
    kind = what_is(path)
    if kind == "nothing":
        return f"there is no run folder {path}; give the folder named by --out in training"
    if kind == "runs":
        return f"{path} is a folder of runs; name one of them, such as {first_run(path)}"
    if kind == "model":
        return f"{path} is the folder of a trained network; name its run, the folder around it"
    if kind == "folder":
        return (
            f"{path} is not a run folder (it has no {_SETTINGS}); give the folder named by --out "
            "in training"
        )
    return f"{path} is {NAMES[kind]} and no run folder; give the folder named by --out in training"


def made_again(path: Path, otherwise: str) -> str:
    """Say how a broken file comes back: with its run if it is one of a run, else as given.

    Args:
        path: The file.
        otherwise: The step that helps elsewhere.
    """
    if (path.parent / _SETTINGS).is_file():
        return f"it belongs to the run {path.parent}: restore it from a copy of that run"
    return otherwise


def require_list(path: Path, *, video_endings: Iterable[str]) -> None:
    """Refuse a path that cannot be a list of videos by what it is, instead of by its bytes.

    Args:
        path: Named where a list is wanted.
        video_endings: Of files that are videos, without the dot.

    Raises:
        DataError: It is a video, a folder or something that this package made.
    """
    kind, what, advice = what_is(path), "", "give a text file that names videos, such as labels.csv"
    if path.name.lower().endswith(tuple(f".{ending}" for ending in video_endings)):
        what, advice = "a video", "give the folder that holds it, or a list of videos"
    elif kind not in ("file", "nothing"):
        what = NAMES[kind]
    if what:
        raise DataError(f"{path} is {what} and no list of videos; {advice}", path=str(path))


def _is_split(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("ascii", errors="replace")
    except OSError:
        return False
    return all(key in head for key in _SPLIT_KEYS)
