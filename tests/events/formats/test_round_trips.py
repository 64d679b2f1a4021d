"""Labels that are written and read again are the same, whatever they are."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semivideo.base.errors import DataError
from semivideo.events.columns import is_missing
from semivideo.events.formats import FORMATS, read_labels, write_labels
from semivideo.events.guidance import Writing
from semivideo.events.label_row import LabelRow

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1
).filter(lambda word: not is_missing(word) and word.lower() == word == word.strip('"'))
NAMES = st.from_regex(r"[a-z]{1,5}( [a-z%é]{1,3})?", fullmatch=True).map(lambda s: f"{s}.mp4")
BRIEFLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MILLISECONDS = st.integers(0, 10_000_000)


@st.composite
def events(draw, videos=NAMES):
    start, length = draw(MILLISECONDS), draw(st.integers(1, 100_000))
    return LabelRow(
        draw(videos),
        draw(WORDS),
        start_seconds=start / 1000,
        end_seconds=(start + length) / 1000,
        subject=draw(st.none() | st.sampled_from(["rat", "tom & co", "<b>"])),
    )


def said(rows):
    """What is compared: all but how a reader finds the file."""
    kept = (
        replace(r, is_exact=False, alias=None, start_seconds=r.start_seconds or 0.0) for r in rows
    )
    return sorted(map(repr, kept))


def again(folder, rows, name, **how):
    back = []
    for number, text in enumerate(write_labels(rows, name, Writing(**how)).values()):
        file = folder / f"{number}{FORMATS[name].ending}"
        file.write_text(text, encoding="utf-8")
        back += read_labels(file)
        file.unlink()
    return back


@pytest.mark.parametrize("name", ["csv", "boris", "elan", "activitynet", "fiftyone"])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(events(), min_size=1, max_size=6, unique_by=repr))
def test_write_labels__what_is_read_again_is_the_same(tmp_path, name, rows):
    if name == "boris":  # it cannot tell apart two of one kind at once
        seen = {}
        for row in sorted(rows, key=lambda row: row.start_seconds):
            key = (row.video, row.label, row.subject)
            if row.start_seconds > seen.get(key, -1.0):
                seen[key] = row.end_seconds
            else:
                return
    assert said(again(tmp_path, rows, name)) == said(rows)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    frames=st.tuples(st.integers(0, 10_000), st.integers(1, 500)),
    rate=st.sampled_from([24.0, 25.0]),
)
def test_write_labels__label_studio_keeps_whole_frames(tmp_path, frames, rate):
    first, length = frames
    row = LabelRow("a.mp4", "run", start_seconds=first / rate, end_seconds=(first + length) / rate)
    assert again(tmp_path, [row], "label-studio", label_rate=rate) == [row]


@pytest.mark.parametrize("name", ["csv", "activitynet", "fiftyone", "label-studio"])
def test_write_labels__a_label_of_the_whole_video_stays_one(tmp_path, name):
    row = LabelRow("a.mp4", "run", score=0.75)
    assert said(again(tmp_path, [row], name, label_rate=25.0)) == said([row])


def test_write_labels__an_unknown_end_is_asked_for(tmp_path):
    with pytest.raises(DataError, match=r"the label 'run' goes to the end of a.mp4, ELAN wants to"):
        write_labels([LabelRow("a.mp4", "run", start_seconds=1.0)], "elan")


def test_write_labels__elan_gives_each_video_a_file():
    rows = [LabelRow(f"{n}.mp4", "run", start_seconds=0, end_seconds=1) for n in "ab"]
    assert list(write_labels(rows, "elan")) == ["a.mp4", "b.mp4"]
