"""TemporalAugment: its four cases, their shares, and that views show the frames it says."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from semivideo.base.records import Clips
from semivideo.settings import ViewSettings
from semivideo.transforms import Views
from semivideo.transforms.temporal import (
    reordered,
    sample_frame_order,
    sample_reversed_segments,
    sample_warp,
)

N = 4000


def orders(num_frames, *, stream="primary"):
    return sample_frame_order(np.arange(N) * 7919, stream=stream, num_frames=num_frames)


def kind_of(order) -> str:
    """The case an order belongs to, by the definitions of the module's table."""
    T = len(order)
    halves = ([0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5])
    if list(order) == list(range(T)):
        return "none"
    if list(order) == list(range(T - 1, -1, -1)):
        return "reverse"
    if list(order) in halves:
        return f"half {halves.index(list(order))}"
    assert order[0] == 0
    assert all(b in (a, t) for t, (a, b) in enumerate(itertools.pairwise(order), 1))
    return "cutout"


def test_frame_order__has_four_cases_with_a_quarter_each():
    kinds = [kind_of(order) for order in orders(6)]
    expected = {"none": 0.25, "reverse": 0.25, "half 0": 0.125, "half 1": 0.125, "cutout": 0.25}
    for kind, share in expected.items():
        assert abs(kinds.count(kind) / N - share) < 0.02, kind  # 1/128 of cutouts hide nothing


def test_frame_order__hides_half_of_the_later_frames_in_cutouts():
    cut = np.array([order for order in orders(6) if kind_of(order) == "cutout"])
    assert (cut[:, 1:] != np.arange(1, 6)).mean() == pytest.approx(0.5, abs=0.03)


def test_frame_order__keeps_the_middle_of_an_odd_number_of_frames_when_halved():
    found = {tuple(order) for order in orders(5)}
    assert {(0, 1, 2, 0, 1), (3, 4, 2, 3, 4)} <= found


def test_frame_order__is_drawn_for_each_stream_and_is_a_function_of_the_key():
    assert (orders(6) == orders(6)).all()
    assert 0.1 < (orders(6) == orders(6, stream="auxiliary")).all(axis=1).mean() < 0.25


def test_frame_order__of_one_frame_or_none_changes_nothing():
    assert (orders(1) == 0).all()
    assert orders(0).shape == (N, 0)


def test_reordered__shows_each_clip_in_its_own_order():
    frames = torch.arange(6, dtype=torch.uint8).view(2, 3, 1, 1, 1)
    found = reordered(frames, np.array([[2, 1, 0], [0, 0, 2]]))
    assert found.flatten().tolist() == [2, 1, 0, 3, 3, 5]
    assert reordered(frames, np.zeros((2, 0), dtype=np.int64)) is frames


def make_clips(clips_of) -> Clips:
    return clips_of([(64, 85), (80, 60)] * 12, num_frames=6)


def test_views__show_the_strong_clip_in_the_drawn_order_and_no_other(clips_of):
    clips = make_clips(clips_of)
    on = Views(ViewSettings(crop_size=40, temporal_augment=True))
    off = Views(ViewSettings(crop_size=40))
    drawn = on.sample("strong", clips, stream="primary")
    assert drawn.order.shape == (24, 6)
    plain = off.strong(clips, "primary")
    expected = torch.stack([view[:, order] for view, order in zip(plain, drawn.order, strict=True)])
    torch.testing.assert_close(on.strong(clips, "primary"), expected, rtol=0, atol=1e-5)
    for kind in ("standard", "weak"):
        assert torch.equal(
            getattr(on, kind)(clips, "primary"), getattr(off, kind)(clips, "primary")
        )


def test_views__with_temporal_augment_replay_and_equal_their_clips(clips_of):
    clips = make_clips(clips_of)
    views = Views(ViewSettings(crop_size=40, temporal_augment=True))
    whole = views.strong(clips, "primary")
    one = replace(
        clips, frames={"primary": clips.frames["primary"][5:6]}, size=clips.size[5:6],
        video=clips.video[5:6], draw=clips.draw[5:6],
    )  # fmt: skip
    torch.testing.assert_close(views.strong(one, "primary"), whole[5:6], rtol=0, atol=1e-5)
    drawn = views.sample("strong", clips, stream="primary")
    assert torch.equal(views.apply(clips.frames["primary"], drawn), whole)


def test_warp__keeps_a_quarter_half_or_all_of_the_frames_in_their_order():
    orders = sample_warp(np.arange(N) * 7919, stream="primary", num_frames=8)
    assert (np.diff(orders, axis=1) >= 0).all()
    num_kept = np.array([len(set(order)) for order in orders])
    shares = {n: (num_kept == n).mean() for n in set(num_kept.tolist())}
    assert shares.keys() == {2, 4, 8}
    assert list(shares.values()) == pytest.approx([1 / 3] * 3, abs=0.03)
    kept = [order for order in orders if len(set(order)) == 4]
    assert np.mean([[f in order for f in range(8)] for order in kept], axis=0) == pytest.approx(
        [0.5] * 8, abs=0.05
    )


def test_warp__shows_a_frame_at_its_own_place_and_its_neighbours():
    for order in sample_warp(np.arange(200), stream="primary", num_frames=8):
        kept = np.unique(order)
        assert (order[kept] == kept).all()
        for place, frame in enumerate(order):
            neighbours = {*kept[kept <= place][-1:], *kept[kept >= place][:1]}
            assert frame in neighbours


def test_warp__divides_a_gap_anywhere_in_it():
    orders = sample_warp(np.arange(N), stream="primary", num_frames=8)
    gaps = [tuple(o[1:5]) for o in orders if {1, 5} <= set(o) and not {2, 3, 4} & set(o)]
    ends = [gap.count(1) for gap in gaps]  # 1 is shown at places 1 .. end
    assert np.bincount(ends, minlength=5)[1:] / len(ends) == pytest.approx([1 / 4] * 4, abs=0.12)


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_reversed_segments__leave_short_clips_as_they_are(num_frames):
    orders = sample_reversed_segments(np.arange(5), stream="primary", num_frames=num_frames)
    assert (orders == np.arange(num_frames)).all()


def test_reversed_segments__are_two_quarters_each_as_likely():
    orders = sample_reversed_segments(np.arange(N), stream="primary", num_frames=13)
    is_backwards = (orders != np.arange(13)).reshape(N, 13)
    quarters = is_backwards[:, [0, 3, 6, 9]]
    assert (quarters.sum(axis=1) == 2).all()
    assert quarters.mean(axis=0) == pytest.approx([0.5] * 4, abs=0.03)
    assert (orders[:, 12] == 12).all()
    assert {tuple(o[:3]) for o in orders} == {(0, 1, 2), (2, 1, 0)}
