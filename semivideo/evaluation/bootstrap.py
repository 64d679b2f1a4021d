"""How sure a figure, or a difference between two methods, is: a bootstrap over draws and videos.

Two things move a figure by chance: which labels and initial weights were drawn (a draw is one run
with one seed), and which videos were tested. All draws are tested on the same videos, so a sample
draws both at once, each with replacement, and takes the mean of the table's cells:

               v1  v2  v3  v4                 v2  v2  v4  v1
    draw 0   [  1   0   1   1 ]     draw 1  [  .   .   .   . ]
    draw 1   [  1   0   0   1 ]  -> draw 1  [  .   .   .   . ]  -> mean of these cells
    draw 2   [  1   1   0   1 ]     draw 2  [  .   .   .   . ]

(Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007.) Videos of one group, such
as one person's, are alike: where groups are known they are drawn whole instead of videos. Where
each draw has test videos of its own the table has empty cells (NaN): a draw's figure is the mean
over its own cells, and the table's figure the mean over draws.

How often the interval holds the true figure, in hundreds of made-up experiments. Of 430 videos,
where draws alone deviate: 95 % of the time with three draws and 4 points, 86 % with 6 points, and
86 % with two draws and 4 points. Where groups alone deviate, four of them and by 5 points: 90 %
with three draws and 84 % with one; with fifty groups 94 %. Where draws, four groups and their cells
all deviate, normally and as far as differences in `evidence/` do: 76 to 87 % with three draws that
lie far apart (draws by 5 to 8 points, groups by 1 to 5, cells by 2 to 5), 90 to 95 % with five (1
to 2, 0 to 2, 3 to 4), but about 80 % with five where groups deviate by 5 points, cells by 2 and
draws not at all. With 115 groups or more it is 96 to 98 %. A few draws or groups cannot say how
far others would lie apart, so such an interval is mostly too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semivideo.base.errors import ConfigError
from semivideo.evaluation.metrics import Evaluation
from semivideo.evaluation.proportion import wilson

Groups = Mapping[str, str | None]
"""Name of a video to its group; a video of None, or of no entry, is a group of its own."""
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A figure with its 95 % interval, all shares in [-1, 1].

    Attributes:
        value: The figure itself.
        low: 2.5th percentile over the samples.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float


def mean_interval(
    value_DV: Floats, *, group_V: NDArray[np.int64] | None = None, num_samples: int = 2000
) -> Interval:
    """Return the mean of a table with its interval over rows and columns.

    Args:
        value_DV: float (D, V): a row a draw, a column a test video; D, V >= 1. NaN where a draw
            did not test a video; each tested one at least. With one draw the interval is over
            videos alone.
        group_V: int (V,), number of each video's group, from 0 without a gap; None takes each
            video for itself.
        num_samples: Tables drawn, >= 1; they are the same at each call.
    """
    num_draws, num_videos = value_DV.shape
    group_V = np.arange(num_videos) if group_V is None else group_V
    num_groups = int(group_V.max()) + 1
    is_tested_DV = ~np.isnan(value_DV)
    sum_DG, size_DG = (
        np.stack([np.bincount(group_V, row, minlength=num_groups) for row in table_DV])
        for table_DV in (np.where(is_tested_DV, value_DV, 0.0), is_tested_DV)
    )
    rng = np.random.default_rng(0)
    videos_SG = _times_drawn(rng, num_groups, num_samples)
    draws_SD = _times_drawn(rng, num_draws, num_samples)
    # Groups differ in size: a sample's mean is over the videos that it has.
    size_SD = videos_SG @ size_DG.T
    draws_SD *= size_SD > 0
    mean_SD = (videos_SG @ sum_DG.T) / np.maximum(size_SD, 1)
    mean_S = (draws_SD * mean_SD).sum(axis=1) / np.maximum(draws_SD.sum(axis=1), 1)
    low, high = np.percentile(mean_S, [2.5, 97.5])
    value = np.nanmean(value_DV, axis=1).mean()
    return Interval(float(value), float(low), float(high))


def accuracy_interval(
    runs: Sequence[Evaluation], *, groups: Groups | None = None, num_samples: int = 2000
) -> Interval:
    """Return top-1 accuracy, mean over draws, with its interval.

    Args:
        runs: One evaluation a draw, all of the same videos, at least one.
        groups: Videos to draw together; None draws each by itself.
        num_samples: See ``mean_interval``.

    Raises:
        ConfigError: Other test videos.
    """
    ids = _common_ids(runs)
    right_DV = np.stack([_is_right(run, ids) for run in runs])
    return mean_interval(right_DV, group_V=group_numbers(ids, groups), num_samples=num_samples)


def one_run_accuracy(test: Evaluation, *, groups: Groups) -> tuple[Interval, int | None]:
    """Return the accuracy of one run with an interval that is never without width.

    A few groups that happen to be alike would give none, so it holds Wilson's interval too.

    Args:
        test: Of at least one video.
        groups: Videos to draw together, where more than one group is known.

    Returns:
        The interval, and how many groups it is over; None where it is over videos.
    """
    num_groups = len({groups.get(id) for id in test.ids})
    is_grouped = any(groups.get(id) for id in test.ids) and num_groups > 1
    drawn = accuracy_interval([test], groups=groups if is_grouped else None)
    low, high = wilson(test.top1, test.num_videos)
    found = Interval(drawn.value, min(low, drawn.low), max(high, drawn.high))
    return found, num_groups if is_grouped else None


def paired_difference(
    ours: Sequence[Evaluation],
    theirs: Sequence[Evaluation],
    *,
    groups: Groups | None = None,
    own_tests: bool = False,
    num_samples: int = 2000,
) -> Interval:
    """Return the difference of top-1 accuracy, mean over draws, on the same draws and videos.

    A sample has the same draws and the same videos for both methods, so that what is hard or easy
    for both cancels.

    Args:
        ours: One evaluation a draw.
        theirs: As many of the other method, of the same draws in the same order, on the same
            videos.
        groups: Videos to draw together; None draws each by itself.
        own_tests: Whether each draw has test videos of its own, the same for both methods.
        num_samples: See ``mean_interval``.

    Raises:
        ConfigError: Other numbers of draws, or other test videos.
    """
    if len(ours) != len(theirs) or not ours:
        raise ConfigError(
            f"a paired difference needs as many evaluations of both methods, got {len(ours)} and "
            f"{len(theirs)}; evaluate both on the same seeds"
        )
    pairs = list(zip(ours, theirs, strict=True))
    tested = [_common_ids(pair) for pair in (pairs if own_tests else [[*ours, *theirs]])]
    ids = sorted(set().union(*tested))
    ours_DV, theirs_DV = (
        np.stack([_is_right(run, ids) for run in runs]) for runs in (ours, theirs)
    )
    group_V = group_numbers(ids, groups)
    return mean_interval(ours_DV - theirs_DV, group_V=group_V, num_samples=num_samples)


def difference_by_group(
    ours: Sequence[Evaluation], theirs: Sequence[Evaluation], *, groups: Groups | None = None
) -> Floats:
    """Return where a paired difference comes from: float (D, G), a row a draw, a column a group.

    The mean of all is the difference of top-1. A group counts by its videos: its cell is how far it
    moves that mean, on the scale of the mean.

    Args:
        ours: One evaluation a draw.
        theirs: As many, of the same draws in the same order, on the same videos.
        groups: Videos that belong together; None takes each by itself.

    Raises:
        ConfigError: Other test videos.
    """
    ids = _common_ids([*ours, *theirs])
    gain_DV = np.stack([_is_right(run, ids) for run in ours])
    gain_DV -= np.stack([_is_right(run, ids) for run in theirs])
    group_V = group_numbers(ids, groups)
    num_groups, mean = int(group_V.max()) + 1, gain_DV.mean()
    apart_DV = gain_DV - mean
    moved_DG = np.stack([np.bincount(group_V, row, minlength=num_groups) for row in apart_DV])
    found: Floats = mean + moved_DG * num_groups / len(ids)
    return found


def group_numbers(ids: Sequence[str], groups: Groups | None) -> NDArray[np.int64]:
    """Number the groups of videos, int64 (V,), from 0 in the order of their first videos.

    >>> group_numbers(["a", "b", "c", "d"], {"a": "x", "b": None, "c": "x"}).tolist()
    [0, 1, 0, 2]
    """
    names = [(groups or {}).get(id) for id in ids]
    # An id cannot be taken for the name of a group: the pairs differ in their first half.
    pairs = zip(ids, names, strict=True)
    keys = [("own", id) if name is None else ("of", name) for id, name in pairs]
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def _times_drawn(rng: np.random.Generator, num: int, num_samples: int) -> Floats:
    """How often each of ``num`` things is among ``num`` drawn with replacement: (samples, num)."""
    drawn = rng.integers(num, size=(num_samples, num)) + num * np.arange(num_samples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=num_samples * num)
    return times.reshape(num_samples, num).astype(np.float64)


def _common_ids(runs: Sequence[Evaluation]) -> list[str]:
    """The videos that all evaluations are of, ascending."""
    first = set(runs[0].ids)
    for run in runs[1:]:
        if other := sorted(first ^ set(run.ids)):
            raise ConfigError(
                f"the evaluations are of different test videos, {len(other)} are in one only, such "
                f"as {other[0]}; evaluate both on one split"
            )
    return sorted(first)


def _is_right(evaluation: Evaluation, ids: Sequence[str]) -> Floats:
    """(V,): 1 where the best scored class of a video is the true one, 0 where not, or NaN."""
    is_right = evaluation.scores.argmax(axis=1) == evaluation.labels
    own = dict(zip(evaluation.ids, is_right.tolist(), strict=True))
    return np.array([own.get(id, np.nan) for id in ids], dtype=np.float64)
