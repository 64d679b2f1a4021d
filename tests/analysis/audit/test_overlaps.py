"""Segments of one file on two sides are told, and those that overlap are a leak."""

import pytest

from semivideo.analysis.audit.sides import parts_of_split
from semivideo.analysis.audit.verdict import audit
from semivideo.base.errors import SplitError
from semivideo.data.catalogue.scanning import scan
from semivideo.data.splits import Split, check_split, draw_split
from semivideo.data.video.barcodes import barcode_video

ROWS = [
    "a.mp4,x,0,1,p1",
    "a.mp4,y,0.8,2,p2",
    "a.mp4,x,2,3,p3",
    "b.mp4,x,0,1,p4",
    "b.mp4,y,1,2,p5",
    "c.mp4,y,0.5,1.5,p6",
]


@pytest.fixture
def manifest(tmp_path):
    """Segments of two files and of a copy of the second; each in a group of its own."""
    for name in "ab":
        barcode_video(tmp_path / f"{name}.mp4", 100, size=(104, 64) if name == "a" else (64, 104))
    (tmp_path / "c.mp4").write_bytes((tmp_path / "b.mp4").read_bytes())
    table = "\n".join(["path,label,start,end,group", *ROWS]) + "\n"
    (tmp_path / "labels.csv").write_text(table)
    return scan(tmp_path)


def found(manifest, labeled, test, **options):
    split = Split("s", 0, labeled=labeled, unlabeled=(), test=test)
    report = audit(parts_of_split(manifest, split), **options)
    return report, {finding.name: finding for finding in report.findings}


def test_audit__overlapping_segments_on_two_sides_are_a_leak(manifest):
    a1, a2, a3, *_ = manifest.ids
    report, by_name = found(manifest, (a1, a3), (a2,), with_frames=False)
    leak = by_name["overlapping segments"]
    assert (leak.severity, leak.count, leak.pairs) == ("leak", 1, ((a2, a1),))
    assert leak.sentence.startswith("show frames that a training clip shows; hold out whole files")
    assert report.leaks


def test_audit__other_segments_of_one_file_are_a_warning(manifest):
    a1, a2, a3, *_ = manifest.ids
    report, by_name = found(manifest, (a1, a2), (a3,), with_frames=False)
    assert by_name["overlapping segments"].severity == "ok"
    warning = by_name["segments of one file"]
    assert (warning.severity, warning.pairs) == ("warning", ((a3, a1),))
    assert "come from the file of a training clip, such as a.mp4#2.000-3.000" in warning.sentence
    assert not report.leaks


def test_audit__segments_of_other_files_are_fine(manifest):
    _, by_name = found(manifest, tuple(manifest.ids[:3]), (manifest.ids[3],), with_frames=False)
    assert by_name["overlapping segments"].severity == "ok"
    assert by_name["segments of one file"].severity == "ok"


def test_audit__of_whole_files_says_nothing_of_segments(manifest, tmp_path):
    (tmp_path / "labels.csv").write_text("path,label\na.mp4,x\nb.mp4,y\n")
    whole = scan(tmp_path)
    assert "overlapping segments" not in found(whole, ("a.mp4",), ("b.mp4",), with_frames=False)[1]


def test_audit__segments_of_copies_are_copies_where_they_overlap(manifest):
    *_, b1, b2, c = manifest.ids
    _, by_name = found(manifest, (b1,), (c,))
    assert by_name["identical video"].pairs == ((c, b1),)
    a1, a2, a3, *_ = manifest.ids
    _, by_name = found(manifest, (a1, b1), (a2, a3, b2))
    assert by_name["identical video"].count == by_name["near-identical video"].count == 0


def test_split__keeps_the_segments_of_a_file_on_one_side(tmp_path, manifest):
    rows = [row.rpartition(",")[0] for row in ROWS]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label,start,end", *rows]) + "\n")
    grouped = scan(tmp_path)
    split = draw_split(grouped, labels_per_class=1, test_fraction=0.4, allow_fewer=True)
    sides = [{id.partition("#")[0] for id in side} for side in (split.labeled, split.test)]
    assert all(sides)
    assert not sides[0] & sides[1]
    mixed = Split("s", 0, labeled=(grouped.ids[0],), unlabeled=(), test=(grouped.ids[2],))
    with pytest.raises(
        SplitError, match=r"segments of 'a.mp4' would be in training and testing at once; they show"
    ):
        check_split(mixed, grouped)
