"""What people answered about the videos of a run, and the table of labels that follows from it.

RUN/answers/answers.json   every answer in order, the last one of a video counts; written whole
RUN/answers/labels.csv     the run's videos with the labels that hold now, a table that `scan` and
                           `train` take: path, label, start, end, group, split, source

The run's own files are never changed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from semivideo.analysis.groups import Trained
from semivideo.base.checked import read_json
from semivideo.base.errors import DataError
from semivideo.base.files import write_bytes

Kind = Literal["label", "unsure", "intervals"]
ANSWERS, LABELS = "answers.json", "labels.csv"
COLUMNS = ("path", "label", "start", "end", "group", "split", "source")
_FORMAT = 1


@dataclass(frozen=True)
class Interval:
    """A label of a part of a video, in seconds after its first frame."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Answer:
    """What was said of a video.

    Attributes:
        id: Of the video.
        kind: "label"; "unsure": nobody can say, so it has no label; or "intervals".
        labels: One class or several; empty unless ``kind`` is "label".
        intervals: Empty unless ``kind`` is "intervals".
        seconds: How long the video was looked at, or None.
    """

    id: str
    kind: Kind
    labels: tuple[str, ...] = ()
    intervals: tuple[Interval, ...] = ()
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        content = asdict(self)
        content["labels"] = list(self.labels)
        content["intervals"] = [asdict(each) for each in self.intervals]
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Answer:
        """Reverse of ``to_json``.

        Raises:
            KeyError, TypeError, ValueError: It is no answer.
        """
        intervals = tuple(
            Interval(str(each["label"]), float(each["start"]), float(each["end"]))
            for each in content.get("intervals", ())
        )
        if content["kind"] not in ("label", "unsure", "intervals"):
            raise ValueError(content["kind"])
        seconds = content.get("seconds")
        return cls(
            id=str(content["id"]),
            kind=content["kind"],
            labels=tuple(map(str, content.get("labels", ()))),
            intervals=intervals,
            seconds=None if seconds is None else float(seconds),
        )


@dataclass(frozen=True)
class Answers:
    """All answers about a run.

    Attributes:
        folder: Where they are.
        given: In the order they were given.
    """

    folder: Path
    given: tuple[Answer, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Answers:
        """Read the answers of a folder; none if there are none yet.

        Raises:
            DataError: The file is broken.
        """
        file = folder / ANSWERS
        try:
            content = read_json(file)
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']}")
            return cls(folder, tuple(Answer.from_json(each) for each in content["answers"]))
        except FileNotFoundError:
            return cls(folder)
        except Exception as error:  # a file can hold anything, and so go wrong anywhere
            raise DataError(
                f"{file} is not what `semivideo review` writes ({error}); restore it or move it "
                "away",
                path=str(file),
            ) from None

    @property
    def latest(self) -> dict[str, Answer]:
        """Id to the answer that counts."""
        return {answer.id: answer for answer in self.given}

    def write(self, trained: Trained) -> None:
        """Write the answers, then the labels that follow, each at once.

        Args:
            trained: The run.

        Raises:
            WriteError: The folder cannot be written; the answers so far are intact.
        """
        content = {"format": _FORMAT, "answers": [each.to_json() for each in self.given]}
        write_bytes(self.folder / ANSWERS, (json.dumps(content, indent=1) + "\n").encode())
        write_bytes(self.folder / LABELS, labels_table(trained, self.latest).encode())


def labels_table(trained: Trained, answers: dict[str, Answer]) -> str:
    """Return the run's videos with the labels that hold now, as CSV.

    Labels that the run's split hides are not in it. A video of several labels has a row a label.

    Args:
        trained: The run.
        answers: Id to answer.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    split = trained.split
    for subset, ids in (("train", split.labeled), ("train", split.unlabeled), ("test", split.test)):
        for id in ids:
            hides = ids is split.unlabeled
            for row in _rows_of(trained, id, answers.get(id), hides_label=hides):
                writer.writerow([*row[:-1], subset, row[-1]])
    return text.getvalue()


def _rows_of(
    trained: Trained, id: str, answer: Answer | None, *, hides_label: bool
) -> Iterator[list[Any]]:
    """Cells of a video without its subset: path, label, start, end, group, source."""
    row = trained.manifest.row_of(id)
    video = trained.manifest[row]
    path, group = str(trained.manifest.absolute(row)), video.group or ""
    start: float | str = "" if video.segment is None else video.segment.start_seconds
    end: float | str | None = "" if video.segment is None else video.segment.end_seconds
    end = "" if end is None else end
    if answer is None:
        label = "" if hides_label or video.label is None else video.label
        yield [path, label, start, end, group, "given" if label else ""]
    elif answer.kind == "unsure":
        yield [path, "", start, end, group, "unsure"]
    elif answer.kind == "label":
        for label in answer.labels:
            yield [path, label, start, end, group, "answered"]
    else:
        offset = 0.0 if video.segment is None else video.segment.start_seconds
        for each in answer.intervals:
            times = (round(offset + each.start, 3), round(offset + each.end, 3))
            yield [path, each.label, *times, group, "answered"]
