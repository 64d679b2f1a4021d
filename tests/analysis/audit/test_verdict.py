"""What is planted is found, clean data give nothing, and published lists give known numbers."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from semivideo.analysis.audit.sides import Clip, Parts, parts_of_lists, parts_of_split
from semivideo.analysis.audit.verdict import audit
from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import Hints, scan
from semivideo.data.splits.published import published
from semivideo.data.splits.split_file import Split
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode

LISTS = Path(__file__).parents[3].parent / "shared" / "splits"
needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason="needs the lists in ../shared/splits")

# Test clips that share a group with a labelled clip, with any training clip; a source in another
# class; classes without a labelled clip; where class ids start; ids against the folder.
NUMBERS = {
    "hmdb51-videossl-40": (425, 647, 451, [], (0, 0, 0), 132),
    "hmdb51-videossl-50": (482, 647, None, [], (0, 0, 0), 132),
    "hmdb51-videossl-60": (524, 647, None, [], (0, 0, 0), 132),
    "hmdb51-official": (0, 0, 457, [], None, None),
    "hmdb51-leak-free-40": (0, 0, 382, [], None, None),
    "ucf101-videossl-5": (0, 0, None, ["CliffDiving"], (0, 0), 0),
    "ucf101-balanced-10": (0, 0, None, [], (0, 1), 0),
}


def clips(side: str, *, classes="ab", num=2, id_from=0) -> tuple[Clip, ...]:
    """Clips of one group a side and class."""
    return tuple(
        Clip(f"{name}/{side}{i}.mp4", name, f"{name}-{side}", number)
        for number, name in enumerate(classes, id_from)
        for i in range(num)
    )


@pytest.fixture
def parts():
    """Two classes of two clips on each side, with nothing to complain of."""
    return Parts("clean", "0" * 64, clips("l"), clips("u"), clips("t"))


def findings(parts, **options):
    return {finding.name: finding for finding in audit(parts, **options).findings}


def worst(parts):
    """Names of the checks that are neither ok nor a note."""
    return {name for name, f in findings(parts).items() if f.severity in ("warning", "leak")}


def with_clip(side: tuple[Clip, ...], **changes) -> tuple[Clip, ...]:
    return (replace(side[0], **changes), *side[1:])


def test_audit__finds_nothing_in_clean_lists(parts):
    assert worst(parts) == set()
    assert not audit(parts).leaks


def test_audit__finds_a_group_on_both_sides(parts):
    leak = replace(parts, test=with_clip(parts.test, group="b-u"))
    assert worst(leak) == {"group with a training clip"}
    leak = replace(parts, test=with_clip(parts.test, group="b-l"))
    found = findings(leak)["group with a labelled clip"]
    assert (found.count, found.total, found.severity) == (1, 4, "leak")
    assert (found.ids, found.pairs) == (("a/t0.mp4",), (("a/t0.mp4", "b/l0.mp4"),))
    assert audit(leak).leaks


def test_audit__finds_a_clip_in_two_lists_whatever_its_extension(parts):
    twice = replace(parts, test=with_clip(parts.test, id="a/u1.avi"))
    assert findings(twice)["clips on both sides"].pairs == (("a/u1.avi", "a/u1.mp4"),)


def test_audit__says_so_where_no_group_is_known(parts):
    sides = {
        name: tuple(replace(clip, group=None) for clip in getattr(parts, name))
        for name in ("labeled", "unlabeled", "test")
    }
    found = findings(replace(parts, **sides))["group with a labelled clip"]
    assert (found.severity, found.count) == ("note", 0)
    assert "--group-pattern" in found.sentence
    sides["test"] = (*sides["test"], Clip("a/x.mp4", "a", "g"))
    found = findings(replace(parts, **sides))["group with a labelled clip"]
    assert found.sentence == "none; the group of 4 test clips is unknown"


def test_audit__finds_classes_that_a_side_lacks(parts):
    found = findings(replace(parts, labeled=clips("l", classes="a"), test=clips("t", num=0)))
    assert found["class without a labelled clip"].ids == ("b",)
    assert "cannot be learned: b; add" in found["class without a labelled clip"].sentence
    assert found["class without a test clip"].sentence == "no test clip is named at all"


def test_audit__tells_how_unequal_classes_are(parts):
    found = findings(replace(parts, labeled=(*parts.labeled, Clip("b/z.mp4", "b"))))
    assert found["unequal classes"].severity == "note"
    assert found["unequal classes"].sentence == "2 (a) to 3 (b) labelled clips a class"


def test_audit__finds_class_ids_that_are_off_by_one(parts):
    shifted = replace(parts, unlabeled=clips("u", id_from=1))
    found = findings(shifted)["class ids off by one"]
    assert (found.severity, found.count, found.total) == ("warning", 4, 12)
    assert found.sentence.startswith("ids start at 0 in the labelled list, 1 in the unlabelled")
    one = {name: clips(name[0], id_from=1) for name in ("labeled", "unlabeled", "test")}
    assert findings(replace(parts, **one))["class ids off by one"].severity == "note"


def test_audit__finds_class_ids_of_another_folder(parts):
    labeled = clips("l", num=3)
    wrong = replace(parts, labeled=(*labeled[:-1], replace(labeled[-1], class_id=0)))
    assert findings(wrong)["class ids against folders"].ids == ("b/l2.mp4",)


def test_audit__tells_which_paths_say_their_class(parts):
    test = (Clip("clips/Brush-Hair_3.mp4", "brush_hair", "g"), Clip("c/4.mp4", "brush_hair", "g"))
    found = findings(replace(parts, unlabeled=(), test=test))["class in the file name"]
    assert (found.severity, found.ids) == ("note", ("clips/Brush-Hair_3.mp4",))


def test_audit__finds_missing_unreadable_and_mislabeled_files(tmp_path):
    pts = np.arange(3)
    rows = [("a/0.mp4", "a", None), ("a/1.mp4", "b", None), ("b/2.mp4", "b", "it is empty")]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.mp4").touch()
    table = FrameTable(pts, pts == 0, Fraction(1, 25))
    given = (32, 32, 25.0, 0, table)
    videos = [Video(id, id, label, None, *given, error=why) for id, label, why in rows]
    manifest = Manifest.from_videos(videos, root=tmp_path)
    split = Split("s", 0, labeled=("a/0.mp4",), unlabeled=("a/1.mp4",), test=("b/new.mp4",))
    found = findings(parts_of_split(manifest, split), with_frames=False)
    assert found["missing or unreadable"].ids == ("a/1.mp4", "b/2.mp4", "b/new.mp4")
    assert found["missing or unreadable"].sentence == "a/1.mp4 is gone; scan again"
    assert found["labels against folders"].ids == ("a/1.mp4",)
    assert found["copies of videos"].sentence == "not looked for: --no-frames was given"


def test_audit__finds_planted_copies_in_real_files_and_none_elsewhere(tmp_path):
    files = render(tmp_path, videos_per_class=4, seed=0, classes=["wave", "squat"], num_groups=4)
    split = Split(
        "s",
        0,
        labeled=("squat/g00_c00.mp4", "wave/g00_c00.mp4"),
        unlabeled=("squat/g01_c00.mp4", "wave/g01_c00.mp4"),
        test=("squat/g02_c00.mp4", "wave/g02_c00.mp4", "wave/g03_c00.mp4"),
    )
    clean = parts_of_split(scan(tmp_path, hints=Hints(group_pattern=GROUP_PATTERN)), split)
    assert worst(clean) == set()
    frames = list(iterate_frames(files[1]))
    original = files[1].relative_to(tmp_path).as_posix()
    encode(tmp_path / "wave/g02_c00.mp4", frames, frame_rate=9, options={"crf": "38"})
    (tmp_path / "squat/g02_c00.mp4").write_bytes((tmp_path / "squat/g00_c00.mp4").read_bytes())
    planted = parts_of_split(scan(tmp_path, hints=Hints(group_pattern=GROUP_PATTERN)), split)
    found = findings(planted)
    assert found["identical video"].pairs == (("squat/g02_c00.mp4", "squat/g00_c00.mp4"),)
    assert found["near-identical video"].pairs == (("wave/g02_c00.mp4", original),)
    assert worst(planted) == {"identical video", "near-identical video"}


def test_report__json_holds_all_ids(parts):
    report = audit(replace(parts, test=with_clip(parts.test, group="b-l")))
    content = json.loads(report.to_json())
    assert (content["leaks"], content["num_labeled"], content["num_test"]) == (True, 4, 4)
    by_name = {finding["name"]: finding for finding in content["findings"]}
    assert by_name["group with a labelled clip"]["pairs"] == [["a/t0.mp4", "b/l0.mp4"]]
    assert by_name["class in the file name"]["ids"] == [
        clip.id for clip in (*parts.unlabeled, *parts.test) if clip.label in clip.id
    ]


@needs_lists
@pytest.mark.parametrize("name", NUMBERS)
def test_audit__numbers_of_published_lists(name):
    labelled, training, sources, missing, starts, wrong = NUMBERS[name]
    report = audit(parts_of_lists(published(name, lists=LISTS)))
    found = {finding.name: finding for finding in report.findings}
    assert found["group with a labelled clip"].count == labelled
    assert found["group with a training clip"].count == training
    assert report.leaks == (training > 0)
    if sources is not None:
        assert found["source in several classes"].count == sources
        assert found["source in several classes"].severity == "note"
    assert list(found["class without a labelled clip"].ids) == missing
    if starts is not None:
        sides = zip(starts, ("labelled", "unlabelled", "test"), strict=False)
        how = ", ".join(f"{start} in the {side} list" for start, side in sides)
        assert found["class ids off by one"].sentence.startswith(f"ids start at {how}")
        assert found["class ids against folders"].count == wrong
