"""What lies at a path, told by the names of files, for the sentence about a path of a wrong kind.

People name a folder of runs for a run, a run for its videos, or a manifest for a split. What they
read then says what it is that they named, and what to name.

A command writes to a new place, or over an earlier output of its own kind. What else lies at a path
that the user names is somebody's work, such as a video or a list of labels: it is refused before
anything is computed, for what was replaced does not come back.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from semivideo.base.endings import IMAGE_EXTENSIONS, ending, is_video
from semivideo.base.errors import ConfigError, DataError, option
from semivideo.base.files import not_written, open_regular

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
_HEAD = 4096  # bytes at either end of a file that are looked at


def what_is(path: Path) -> Kind:
    """Say what lies at a path, as far as names and a file's first bytes tell.

    A folder that holds runs beside videos or frames is the folder of these videos.
    """
    if path.is_dir():
        for name, kind in _FOLDERS.items():
            if (path / name).is_file():
                return kind
        return "folder" if first_run(path) is None or _holds_videos(path) else "runs"
    if not path.is_file():
        return "nothing"
    if path.name.endswith(".run.json.gz"):
        return "record"
    if path.suffix.lower() == ".parquet":
        return "manifest"
    return "split" if path.suffix.lower() == ".json" and _is_split(path) else "file"


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


def check_output(
    out: Path,
    *,
    what: str,
    is_ours: Callable[[Path], bool],
    inputs: Iterable[str | Path] = (),
    named: str = "out",
) -> None:
    """Refuse to write where something else lies, or where nothing can be written.

    Args:
        out: The file or folder that is to be written.
        what: An earlier output of this kind, in words, such as "an earlier report".
        is_ours: Whether what lies there is one; whatever it raises means that it is not.
        inputs: What the command reads, which is never written over.
        named: The argument that names ``out``.

    Raises:
        ConfigError: It is one of the inputs, or neither empty nor an earlier output of this kind.
        WriteError: Its folder cannot be written to.
    """
    if out.exists():
        if any(Path(each).exists() and out.samefile(each) for each in inputs):
            raise ConfigError(f"{out} is read by this command; choose another {option(named)}")
        if not (_is_empty(out) or _is_true(is_ours, out)):
            other = option(named) if out.is_dir() else f"{option(named)}, or move it away"
            raise ConfigError(
                f"{out} exists and is neither empty nor {what}; choose another {other}"
            )
    _check_writable(out)


def head(file: Path) -> str:
    """Return the first characters of a file; what is no text is replaced.

    Raises:
        OSError: It cannot be read.
    """
    with open_regular(file) as opened:
        return opened.read(_HEAD).decode("utf-8", errors="replace")


def begins_with(*words: str) -> Callable[[Path], bool]:
    """Return a check, for ``check_output``, of how a file begins."""
    return lambda file: head(file).startswith(words)


def tail(file: Path) -> bytes:
    """Return the last bytes of a file.

    Raises:
        OSError: It cannot be read.
    """
    with open_regular(file) as opened:
        opened.seek(max(0, opened.seek(0, 2) - _HEAD))
        return opened.read()


def visible_in(folder: Path) -> set[str]:
    """Return the names in a folder; what processes are just writing there is hidden."""
    return {each.name for each in folder.iterdir() if not each.name.startswith(".")}


def _holds_videos(folder: Path) -> bool:
    """Whether a file below a folder, but in none of its runs, is called like a video or a frame."""
    for _, inner, names in os.walk(folder):
        if _SETTINGS in names:
            inner.clear()
        elif any(map(is_video, names)) or sum(map(_is_numbered_picture, names)) > 1:
            return True
    return False


def _is_numbered_picture(name: str) -> bool:
    return ending(name) in IMAGE_EXTENSIONS and any(map(str.isdigit, name))


def _is_split(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("ascii", errors="replace")
    except OSError:
        return False
    return all(key in head for key in _SPLIT_KEYS)


def _is_empty(out: Path) -> bool:
    if out.is_dir():
        return not visible_in(out)
    return out.is_file() and out.stat().st_size == 0


def _is_true(is_ours: Callable[[Path], bool], out: Path) -> bool:
    try:
        return is_ours(out)
    except Exception:  # a file can hold anything, and so go wrong anywhere
        return False


def _check_writable(out: Path) -> None:
    """Refuse a place that takes no file, by trying: rights alone do not tell (``/proc``)."""
    above = next(each for each in out.absolute().parents if each.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise not_written(out, error) from error
