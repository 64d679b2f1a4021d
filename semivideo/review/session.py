"""One review of a run: the queue, the answers, and the lock that makes it the only one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from semivideo.analysis.groups import Trained
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.locks import locked_folder
from semivideo.review.items import Item
from semivideo.run.labeling.answers import LABELS, Answer, Answers

_LONGEST_NAME = 100


class Session:
    """Takes answers one at a time, each on disk before the next one.

    Use it in a ``with`` block: it holds the run's answers alone as long as that lasts.

    Args:
        trained: The run.
        items: The queue.

    Raises:
        DataError: The answers of an earlier review are broken.
    """

    def __init__(self, trained: Trained, items: Sequence[Item]) -> None:
        self.trained = trained
        self.items = list(items)
        self._by_id = {item.id: item for item in items}
        self._answers = Answers.read(trained.run.answers)
        self._lock = threading.Lock()
        self._revision = 0
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Take the lock of the run's answers.

        Raises:
            HeldError: Another review of this run is open.
            WriteError: The folder cannot be written.
        """
        folder = self.trained.run.answers
        self._held.enter_context(locked_folder(folder, doing="review it"))
        self._answers = Answers.read(folder)  # of a review that ended a moment ago
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self._held.close()

    @property
    def labels_file(self) -> Path:
        """Where the labels are written."""
        return self.trained.run.answers / LABELS

    @property
    def classes(self) -> list[str]:
        """The run's classes, and those that answers named besides."""
        own = self.trained.manifest.classes
        answered = {name for answer in self._answers.given for name in _names(answer)}
        return [*own, *sorted(answered - set(own))]

    def changes(self) -> dict[str, Any]:
        """Return what changes with answers, as JSON types."""
        with self._lock:
            return self._changes()

    def _changes(self) -> dict[str, Any]:
        latest = self._answers.latest
        return {
            "revision": self._revision,
            "answers": {id: answer.to_json() for id, answer in latest.items()},
            "last": self._answers.given[-1].id if self._answers.given else None,
            "classes": self.classes,
        }

    def answer(self, answer: Answer) -> dict[str, Any]:
        """Take an answer; it is on disk when this returns.

        Raises:
            ConfigError: It cannot be one: no such video, no label, or times that are none.
            WriteError: It could not be written, and is not taken.
        """
        checked = self._checked(answer)
        with self._lock:
            self._replace((*self._answers.given, checked))
            return self._changes()

    def undo(self) -> dict[str, Any]:
        """Take the last answer back; nothing happens where there is none."""
        with self._lock:
            if self._answers.given:
                undone = self._answers.given[-1].id
                self._replace(self._answers.given[:-1])
                return self._changes() | {"undone": undone}
            return self._changes() | {"undone": None}

    def _replace(self, given: tuple[Answer, ...]) -> None:
        """Write before anything in memory changes."""
        answers = replace(self._answers, given=given)
        answers.write(self.trained)
        self._answers = answers
        self._revision += 1

    def _checked(self, answer: Answer) -> Answer:
        item = self._by_id.get(answer.id)
        if item is None:
            raise ConfigError(f"video {answer.id!r} is not one of this review; load the page again")
        if answer.kind == "label" and not answer.labels:
            raise ConfigError(f"the answer about {answer.id!r} names no class; choose one")
        if answer.kind == "intervals" and not answer.intervals:
            raise ConfigError(f"the answer about {answer.id!r} holds no interval; mark one")
        for name in _names(answer):
            if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
                raise ConfigError(
                    f"{name[:40]!r} is no name of a class; take 1 to {_LONGEST_NAME} printable "
                    "characters"
                )
        for each in answer.intervals:
            if not 0 <= each.start < each.end <= item.duration + 1:
                raise ConfigError(
                    f"an interval from {each.start:g} to {each.end:g} s does not lie in "
                    f"{answer.id!r}, which is {item.duration:g} s long; mark it again"
                )
        labels = tuple(dict.fromkeys(name.strip() for name in answer.labels))
        return replace(answer, labels=labels)


def _names(answer: Answer) -> list[str]:
    """Classes that an answer names."""
    return [*answer.labels, *(each.label for each in answer.intervals)]


def require_known(session: Session, row: int) -> None:
    """Refuse a clip that is not in the queue, such as one for testing.

    Raises:
        DataError: It is not.
    """
    if all(item.row != row for item in session.items):
        raise DataError(f"video {row} is not one of this review")
