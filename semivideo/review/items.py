"""What the page asks: suggested videos and doubted labels in turn, then all others on request."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from typing import Any, Literal

from semivideo.analysis.groups import Trained
from semivideo.base.errors import SplitError
from semivideo.base.progress import Progress
from semivideo.run.labeling.doubting import Doubt, label_doubts, pseudo_label_doubts
from semivideo.run.labeling.suggesting import Suggestion, suggest
from semivideo.run.labeling.unseen import known_unseen

Why = Literal["suggested", "doubted", "other"]
MOST_OTHERS = 5000


@dataclass(frozen=True)
class Item:
    """A video of the queue.

    Attributes:
        row: Of the manifest; names its clip.
        id: Of the video.
        why: Why it is asked.
        guess: The model's class, or "".
        confidence: Its probability, or None.
        given: The label it has, or "".
        reason: In words.
        group: Of the video, or "".
        start: Seconds of its segment in the file; 0 for a whole file.
        duration: Seconds.
    """

    row: int
    id: str
    why: Why
    guess: str
    confidence: float | None
    given: str
    reason: str
    group: str
    start: float
    duration: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


def review_items(
    trained: Trained, *, count: int = 20, progress: Progress | None = None
) -> list[Item]:
    """Put together what the page asks.

    Doubts are those that ``doubts`` left in the run folder, and the pseudo-labels in dispute.

    Args:
        trained: A finished run.
        count: Videos to suggest.
        progress: See ``semivideo.api``.

    Returns:
        Suggestions and doubts in turn, then the other training videos; no video twice, and none
        that is for testing.
    """
    try:
        suggested = suggest(trained.run.path, count=count, progress=progress)
    except SplitError:
        suggested = []  # every video has a label; there may be doubts
    unseen = known_unseen(trained)
    doubts = [] if unseen is None else label_doubts(trained, unseen)[0]
    doubts += pseudo_label_doubts(trained)
    first = [_of_suggestion(trained, each) for each in suggested]
    second = [_of_doubt(trained, each) for each in doubts[: max(count, 1)]]
    asked = filter(None, chain.from_iterable(zip_longest(first, second)))
    items = {item.id: item for item in reversed(list(asked))}
    items = dict(reversed(items.items()))
    rest = [id for id in (*trained.split.unlabeled, *trained.split.labeled) if id not in items]
    others = [_item(trained, id, "other", "", None, "") for id in rest[:MOST_OTHERS]]
    return [*items.values(), *others]


def _of_suggestion(trained: Trained, each: Suggestion) -> Item:
    return _item(trained, each.id, "suggested", each.guess, each.confidence, each.reason)


def _of_doubt(trained: Trained, each: Doubt) -> Item:
    known = None if each.confidence != each.confidence else each.confidence
    return _item(trained, each.id, "doubted", each.likely, known, each.reason)


def _item(
    trained: Trained, id: str, why: Why, guess: str, confidence: float | None, reason: str
) -> Item:
    manifest = trained.manifest
    row = manifest.row_of(id)
    video = manifest[row]
    has_label = id in set(trained.split.labeled)
    return Item(
        row=row,
        id=id,
        why=why,
        guess=guess,
        confidence=confidence,
        given=(video.label or "") if has_label else "",
        reason=reason,
        group=video.group or "",
        start=0.0 if video.segment is None else video.segment.start_seconds,
        duration=round(video.duration_seconds, 3),
    )
