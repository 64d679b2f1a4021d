"""Lists that go on evenly are cut and come back; all others stay as they are."""

import numpy as np
import pyarrow as pa
import pytest

from semivideo.data.catalogue import frame_columns

CASES = {
    "even": ((0, 512, 1024, 1536, 2048), (0, 2, 4), (0, 512), (0, 2), True),
    "all keyframes": ((5, 6, 7, 8), (0, 1, 2, 3), (5, 6), (0, 1), True),
    "not from the first": ((-9, -6, -3, 0, 3, 6, 9), (1, 3, 5), (-9, -6), (1, 3), True),
    "one late": ((0, 33, 67, 100), (0,), (0, 33, 67, 100), (0,), False),
    "last one late": ((0, 10, 20, 31), (0, 3), (0, 10, 20, 31), (0, 3), False),
    "keyframes end early": ((0, 1, 2, 3, 4, 5, 6), (0, 2, 4), (0, 1), (0, 2, 4), False),
    "two of many": ((0, 10, 20, 30, 40), (0, 1), (0, 10), (0, 1), False),
    "all at once": ((7, 7, 7), (0,), (7, 7), (0,), False),
    "two": ((3, 9), (0, 1), (3, 9), (0, 1), False),
    "one": ((4,), (0,), (4,), (0,), False),
    "none": ((), (), (), (), False),
}


def lists(index: int) -> pa.ListArray:
    kind = pa.int64() if index in (0, 2) else pa.int32()
    return pa.array([case[index] for case in CASES.values()], pa.list_(kind))


@pytest.fixture(scope="module")
def columns():
    return frame_columns.compact(lists(0), lists(1))


def test_compact__cuts_what_goes_on_evenly_to_the_end(columns):
    assert tuple(columns) == frame_columns.NAMES
    assert columns["pts"].equals(lists(2))
    assert columns["keyframes"].equals(lists(3))
    assert columns["keyframes_repeat"].to_pylist() == [case[4] for case in CASES.values()]
    assert columns["num_frames"].to_pylist() == [len(case[0]) for case in CASES.values()]


@pytest.mark.parametrize("row", range(len(CASES)), ids=list(CASES))
def test_compact__comes_back(columns, row):
    pts, num_frames, keyframes, repeat = (columns[name][row] for name in frame_columns.NAMES)
    expected_pts, expected_keyframes = list(CASES.values())[row][:2]
    times = frame_columns.frame_times(pts.values.to_numpy(), num_frames.as_py())
    assert times.dtype == np.int64
    assert tuple(times) == expected_pts
    flags = frame_columns.keyframe_flags(
        keyframes.values.to_numpy(), num_frames.as_py(), repeat=repeat.as_py()
    )
    assert tuple(np.flatnonzero(flags)) == expected_keyframes


def test_compact__random_lists_come_back_also_from_slices():
    rng = np.random.default_rng(0)
    pts = [np.cumsum(rng.integers(1, 3, rng.integers(0, 7))) for _ in range(500)]
    keyframes = [np.flatnonzero(rng.random(len(times)) < 0.6) for times in pts]
    given = pa.array(pts, pa.list_(pa.int64())), pa.array(keyframes, pa.list_(pa.int32()))
    columns = frame_columns.compact(*(array[100:] for array in given))
    assert 0 < columns["keyframes_repeat"].true_count < 400
    for row, (times, keys) in enumerate(zip(pts[100:], keyframes[100:], strict=True)):
        cell = {name: columns[name][row] for name in frame_columns.NAMES}
        found = frame_columns.frame_times(cell["pts"].values.to_numpy(), len(times))
        assert found.tolist() == times.tolist()
        repeat, stored = cell["keyframes_repeat"].as_py(), cell["keyframes"].values.to_numpy()
        flags = frame_columns.keyframe_flags(stored, len(times), repeat=repeat)
        assert np.flatnonzero(flags).tolist() == keys.tolist()


def test_spans__first_to_last_frame(columns):
    num_frames = columns["num_frames"].to_numpy()
    expected = [case[0][-1] - case[0][0] if case[0] else 0 for case in CASES.values()]
    assert frame_columns.spans(columns["pts"], num_frames).tolist() == expected
    assert frame_columns.spans(columns["pts"][3:], num_frames[3:]).tolist() == expected[3:]
