"""Predictions of many files: a table with one row a file, which grows and survives a kill.

    .csv     path,model,error,class_1,probability_1,class_2,probability_2, ...
    .jsonl   one object a line: path, model, and predictions or error
    .json    the same objects in an array

A file that cannot be read costs one line with the reason.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from semivideo.base.checked import UnreadError, parsed, shown
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.files import read_bytes, step_after, sweep, write_bytes
from semivideo.base.locks import locked
from semivideo.base.places import NAMES, what_is
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.searching import video_paths
from semivideo.data.catalogue.segments import video_id
from semivideo.data.catalogue.sources import find_videos
from semivideo.data.video.frame_names import is_frame_folder
from semivideo.evaluation.infer import Prediction

_LISTS = (".csv", ".tsv", ".xlsx", ".json", ".xml", ".eaf", ".parquet")
_SAVE_SECONDS, _LEAST_RATIO = 30, 20  # between saves; and in multiples of what a save takes

_NAMES = "surrogateescape"  # file names need not be UTF-8


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read.

    Attributes:
        path: The file.
        error: Why.
    """

    path: str
    error: str


Found = Prediction | Failure


def predictions(predict: Callable[[Path], Prediction], files: Iterable[Path]) -> Iterator[Found]:
    """Predict file after file; one that cannot be read gives a ``Failure``."""
    for path in files:
        try:
            yield predict(path)
        except DataError as error:
            yield Failure(str(path), str(error))


def video_files(places: Sequence[str | Path]) -> list[Path]:
    """Name each video once: those given, all below the folders given, and those of lists.

    A list or manifest with segments names each of them, like ``a.mp4#12.480-15.900``.

    Raises:
        DataError: A folder holds no video, a list cannot be used, or a place is what this package
            makes of videos.
    """
    found: list[Path] = []
    for place in map(Path, places):
        _refuse_others(place)
        if place.is_dir() and not is_frame_folder(place):
            found += [place / path for path in video_paths(place)]
        elif place.suffix.lower() in _LISTS and place.is_file():
            found += _listed(place)
        else:
            found.append(place)
    return list(dict.fromkeys(found))


def _listed(file: Path) -> list[Path]:
    """Videos and segments that a list or a manifest names."""
    if file.suffix.lower() == ".parquet":
        manifest = Manifest.read(file)
        return [manifest.root / id for id in manifest.ids]
    entries = find_videos(file)
    ids = [video_id(each.video, each.start_seconds, each.end_seconds) for each in entries]
    return [file.parent / id for id in ids]


def _refuse_others(place: Path) -> None:
    """Refuse what is no video, folder or list of them, before a decoder says so."""
    kind = what_is(place)
    if kind not in ("file", "folder", "manifest", "nothing"):
        raise DataError(
            f"{place} is {NAMES[kind]} and no video; name video files, or the folder that "
            "holds them",
            path=str(place),
        )


def as_json(found: Found, *, model: str | None = None) -> dict[str, Any]:
    """An object with the path, and its predictions or the error.

    >>> as_json(Prediction("a.mp4", ("run",), (0.75,)))
    {'path': 'a.mp4', 'predictions': [{'class': 'run', 'probability': 0.75}]}
    """
    about = {"path": found.path} | ({} if model is None else {"model": model})
    if isinstance(found, Failure):
        return about | {"error": found.error}
    pairs = zip(found.classes, found.probabilities, strict=True)
    return about | {"predictions": [{"class": name, "probability": p} for name, p in pairs]}


class PredictionFile:
    """A table of predictions; saved now and then, when the ``with`` block ends, and never by half.

    Args:
        path: A .csv, .json or .jsonl file; what is in it stays.
        files: All files that will be predicted; the table is in their order.
        model: What predicts them.
        top: How many classes are named of each.

    Attributes:
        path: The file.
        missing: The files that have no predictions yet; those that failed before are among them.

    Raises:
        ConfigError: Another kind of file, or one made by another model or for another ``top``.
        DataError: There is something else in it.
    """

    def __init__(self, path: Path, files: Sequence[Path], *, model: str, top: int) -> None:
        format = _FORMATS.get(path.suffix.lower())
        if format is None:
            raise ConfigError(
                f"predictions cannot be written to {path.name}; allowed are names that end in "
                f"{', '.join(_FORMATS)}"
            )
        self.path, self._format, self._model, self._top = path, format, model, top
        self._lock = ExitStack()
        self._files = files
        self._take_in()
        # What others asked for stays in front.
        self._place = {str(file): number for number, file in enumerate(files)}
        self._next_save = time.monotonic() + _SAVE_SECONDS

    def __enter__(self) -> Self:
        self._lock.enter_context(locked(self.path, doing="write predictions into it"))
        try:
            sweep(self.path.parent, name=self.path.name)
            self._take_in()  # another process may have ended just now
            self.save()  # what cannot be written is better known before the work
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.save()

    def add(self, found: Found) -> None:
        """Add one file's predictions, or why there are none."""
        self._found[found.path] = found
        if time.monotonic() >= self._next_save:
            self.save()

    def save(self) -> None:
        """Write the table at once; raises as ``files.replacing``."""
        start = time.monotonic()
        found = sorted(self._found.values(), key=lambda each: self._place.get(each.path, -1))
        rows = [as_json(each, model=self._model) for each in found]
        text = self._format.write(rows, self._top)
        write_bytes(self.path, text.encode("utf-8", errors=_NAMES))
        end = time.monotonic()
        self._next_save = end + max(_SAVE_SECONDS, _LEAST_RATIO * (end - start))

    def _take_in(self) -> None:
        """Take over what the file has."""
        there = self._read() if self.path.exists() else []
        self._found = {each.path: each for each in there}
        done = {name for name, each in self._found.items() if isinstance(each, Prediction)}
        self.missing = [file for file in self._files if str(file) not in done]

    def _read(self) -> list[Found]:
        """What is in the file, if it was made in the same way."""
        try:
            text = read_bytes(self.path).decode("utf-8", errors=_NAMES)
            rows = self._format.read(text) if text else []
            models = {_text(row["model"]) for row in rows}
            found = [from_json(row) for row in rows]
        except OSError as error:
            raise DataError(
                f"cannot read {self.path}: {error.strerror}; {step_after(error)}",
                path=str(self.path),
            ) from None
        except Exception as error:  # a file can hold anything, and so go wrong anywhere
            raise DataError(
                f"{self.path} exists and is no table of predictions ({error}); choose another name",
                path=str(self.path),
            ) from None
        if models - {self._model}:
            raise ConfigError(
                f"{self.path} holds predictions of model {min(models - {self._model})}, and this "
                f"one is {self._model}; choose another --out"
            )
        tops = {len(each.classes) for each in found if isinstance(each, Prediction)}
        if tops - {self._top}:
            raise ConfigError(
                f"{self.path} names {min(tops - {self._top})} classes of each video, and "
                f"{self._top} are asked for; choose another --out or the same --top"
            )
        return found


def from_json(row: dict[str, Any]) -> Found:
    """Reverse of ``as_json``; raises any error for a row that it has not made."""
    if "error" in row:
        return Failure(_text(row["path"]), _text(row["error"]))
    pairs = [(_text(each["class"]), float(each["probability"])) for each in row["predictions"]]
    classes, probabilities = zip(*pairs, strict=True)
    return Prediction(_text(row["path"]), classes, probabilities)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnreadError(f"{shown(value)} is no text")
    return value


@dataclass(frozen=True)
class _Format:
    """Rows, as ``as_json`` makes them, to text and back."""

    write: Callable[[list[dict[str, Any]], int], str]
    read: Callable[[str], list[dict[str, Any]]]


def _csv(rows: list[dict[str, Any]], top: int) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = [f"{what}_{n}" for n in range(1, top + 1) for what in ("class", "probability")]
    table.writerow(["path", "model", "error", *columns])
    for row in rows:
        pairs = [(each["class"], each["probability"]) for each in row.get("predictions", ())]
        cells = [cell for pair in pairs for cell in pair] or [""] * len(columns)
        table.writerow([row["path"], row["model"], row.get("error", ""), *cells])
    return text.getvalue()


def _from_csv(text: str) -> list[dict[str, Any]]:
    rows = []
    for cells in csv.DictReader(io.StringIO(text), strict=True):
        row: dict[str, Any] = {"path": cells.pop("path"), "model": cells.pop("model")}
        if error := cells.pop("error"):
            rows.append(row | {"error": error})
            continue
        values = list(cells.values())
        pairs = zip(values[::2], map(float, values[1::2]), strict=True)
        rows.append(row | {"predictions": [{"class": c, "probability": p} for c, p in pairs]})
    return rows


def _from_text(text: str) -> Any:
    return parsed(text, json.loads, "JSON")


_FORMATS = {
    ".csv": _Format(_csv, _from_csv),
    ".json": _Format(lambda rows, _: json.dumps(rows, indent=2) + "\n", _from_text),
    ".jsonl": _Format(
        lambda rows, _: "".join(json.dumps(row) + "\n" for row in rows),
        lambda text: [_from_text(line) for line in text.splitlines()],
    ),
}
