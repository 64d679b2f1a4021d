"""Every kind of source gives the right labels, groups and subsets, or a sentence."""

import csv
import os
from pathlib import Path

import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.catalogue.sources import find_videos, group_of_name, source_root
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow

SHARED = Path(__file__).parents[3].parent / "shared"
needs_data = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason="needs the videos in ../shared/data"
)


@pytest.fixture
def make(tmp_path):
    """Make a folder of empty files, which a source does not open."""

    def files(*paths: str, **texts: str) -> Path:
        root = tmp_path / "videos"
        root.mkdir(exist_ok=True)
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        for name, text in texts.items():
            (root / f"{name}.csv").write_text(text)
        return root

    return files


def test_find_videos__folder_per_class(make):
    root = make("b c/x.MP4", "a/deep/y.avi", "loose.gif", "a/note.txt", "a/.hid.mp4", ".h/z.mp4")
    assert find_videos(root) == [
        LabelRow("a/deep/y.avi", "a"),
        LabelRow("b c/x.MP4", "b c"),
        LabelRow("loose.gif", None),
    ]


def test_find_videos__folders_are_told_of_like_cells(make, caplog):
    root = make(*(f"{name}/1.mp4" for name in ("wave", "WAVE", "none", "unlabeled")))
    assert [entry.label for entry in find_videos(root)] == ["WAVE", "none", None, "wave"]
    assert caplog.messages == [
        f"{root}: the folder 'unlabeled' of 1 video(s) is taken as no label; these videos are "
        "unlabelled",
        f"{root}: 'none' is taken as the class of 1 video(s); if it means that nobody knows, call "
        "the folder 'unlabeled'",
        f"{root}: 'WAVE' and 'wave' are taken as 2 classes; write them alike if they are one",
    ]


def test_find_videos__flat_folder_has_no_labels(make):
    assert find_videos(make("b.mp4", "a.mp4")) == [LabelRow("a.mp4"), LabelRow("b.mp4")]


def test_find_videos__labels_csv_rules_over_folders(make):
    root = make("a.mp4", "sub/b.mp4", "c.mp4", labels="path,label,group\nsub/b.mp4,wave,tom\n")
    assert find_videos(root) == [
        LabelRow("a.mp4"),
        LabelRow("c.mp4"),
        LabelRow("sub/b.mp4", "wave", "tom"),
    ]


def test_find_videos__csv_as_source_lists_all(make):
    root = make("in/a.mp4", "in/b.mp4", "c.mp4", "in/skip.mp4")
    absolute = (root / "in/b.mp4").as_posix()
    (root / "in/own.csv").write_text(f"path,label,subset\n./a.mp4,x,test\n{absolute},\n../c.mp4,y")
    assert find_videos(root / "in/own.csv") == [
        LabelRow("../c.mp4", "y"),
        LabelRow("a.mp4", "x", None, "test"),
        LabelRow("b.mp4"),
    ]
    assert source_root(root / "in/own.csv") == root / "in"


def test_find_videos__kinetics_csv_as_source(make):
    root = make("train/id_1_000003_000013.mp4", "id-2.mkv", "other.mp4")
    text = "label,youtube_id,time_start,time_end,split\nski,id_1,3,13,train\nrun,id-2,0,10,val\n"
    (root / "kinetics.csv").write_text(f"{text}run,gone,0,10,val\n")
    with pytest.raises(DataError, match=r"names 1 video that is not below .*'gone_000000_000010'"):
        find_videos(root / "kinetics.csv")
    assert find_videos(root / "kinetics.csv", allow_missing=True) == [
        LabelRow("id-2.mkv", "run", None, "val"),
        LabelRow("train/id_1_000003_000013.mp4", "ski", None, "train"),
    ]


def test_find_videos__ucf_lists_on_a_folder(make, tmp_path):
    names = [f"Archery/v_Archery_g0{g}_c01.avi" for g in (1, 2, 3)]
    (tmp_path / "trainlist01.txt").write_bytes(f"{names[0]} 3\r\n".encode())
    (tmp_path / "testlist01.txt").write_text(names[1])
    lists = [tmp_path / "trainlist01.txt", tmp_path / "testlist01.txt"]
    assert find_videos(make(*names), lists=lists) == [
        LabelRow(names[0], "Archery", "Archery/g01", "train"),
        LabelRow(names[1], "Archery", "Archery/g02", "test"),
        LabelRow(names[2], "Archery", "Archery/g03", None),
    ]


def test_find_videos__ids_name_classes_only_where_folders_do_not(make, tmp_path):
    (tmp_path / "list.txt").write_text("a_000001_000011.mp4 17\nb.mp4 4\n")
    root = make("arm wrestling/a_000001_000011.mp4", "b.mp4")
    found = find_videos(root, lists=[tmp_path / "list.txt"])
    assert [entry.label for entry in found] == ["arm wrestling", "4"]


def test_find_videos__folder_spells_the_class(make, tmp_path):
    """Half the videos listed must not make two classes of one."""
    (tmp_path / "list.txt").write_text("arm_wrestling/a.mp4 3")
    root = make("arm wrestling/a.mp4", "arm wrestling/b.mp4")
    found = find_videos(root, lists=[tmp_path / "list.txt"])
    assert [entry.label for entry in found] == ["arm wrestling", "arm wrestling"]


def test_find_videos__follows_links_once(make, tmp_path):
    root = make("a/x.mp4")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "y.mp4").touch()
    os.symlink(tmp_path / "elsewhere", root / "b")
    os.symlink(root, root / "a" / "loop")
    assert [entry.video for entry in find_videos(root)] == ["a/x.mp4", "b/y.mp4"]


@pytest.mark.parametrize("pattern", [r"s(\d+)_t", r"s(?P<subject>\d+)_t"])
def test_find_videos__group_pattern_holds_over_classes(make, pattern):
    found = find_videos(make("a/s1_t1.mp4", "b/s1_t2.mp4", "b/x.mp4"), group_pattern=pattern)
    assert [entry.group for entry in found] == ["1", "1", None]


def test_find_videos__group_column_comes_first(make):
    root = make("s1_t1.mp4", "s2_t1.mp4", labels="path,label,group\ns1_t1.mp4,a,own\ns2_t1.mp4,b,")
    assert [e.group for e in find_videos(root, group_pattern=r"(s\d)_")] == ["own", "s2"]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("s(", r"group_pattern 's\(' is no regular expression: missing \), unterminated"),
        (r"s\d", r"has 0 groups in brackets and needs one; for s1_t2.mp4 write s\(\\d\+\)_t"),
    ],
)
def test_find_videos__bad_group_pattern(make, pattern, sentence):
    with pytest.raises(ConfigError, match=sentence):
        find_videos(make("a/s1_t1.mp4"), group_pattern=pattern)


def test_find_videos__group_pattern_without_match(make):
    with pytest.raises(DataError, match=r"matches no video, for example not 'a/x.mp4'"):
        find_videos(make("a/x.mp4"), group_pattern=r"s(\d)")


def test_find_videos__nothing_there(make, tmp_path):
    with pytest.raises(DataError, match=r"none does not exist; give a folder of videos or a CSV"):
        find_videos(tmp_path / "none")
    with pytest.raises(DataError, match=r"videos is empty; videos end in mp4, avi, mov, mkv"):
        find_videos(make())
    with pytest.raises(DataError, match=r"holds 2 files but no video; videos end in mp4"):
        find_videos(make("a/x.txt", "y.pdf"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path,label\na.mp4,x\nb.mp4,x\nc.mp4,y", r"labels.csv names 2 videos that are not below"),
        ("path,label\na.mp4,x\nb.mp4,x", r"first 'b.mp4'; correct the list, or pass allow_missing"),
        (
            "path,label\nb.mp4,x\nc.mp4,x",
            r"names 2 videos that are not .* the right folder\? if not, scan the one that holds",
        ),
        ("path,label\na.mp4,x\n./a.mp4,x", r"labels.csv names 'a.mp4' twice; remove one"),
    ],
)
def test_find_videos__labels_that_do_not_fit(make, text, sentence):
    with pytest.raises(DataError, match=sentence):
        find_videos(make("a.mp4", "sub/c.mp4", labels=text))


def test_find_videos__labels_csv_means_exact_paths(make):
    with pytest.raises(DataError, match=r"names 1 video that is not below .*, first 'c.mp4'"):
        find_videos(make("a.mp4", "sub/c.mp4", labels="path,label\na.mp4,x\nc.mp4,y"))


def test_find_videos__lists_of_two_splits_are_refused(make, tmp_path):
    (tmp_path / "trainlist01.txt").write_text("A/x.avi 1")
    (tmp_path / "testlist02.txt").write_text("A/x.avi")
    lists = [tmp_path / "trainlist01.txt", tmp_path / "testlist02.txt"]
    with pytest.raises(DataError, match=r"subset 'train' in trainlist01.txt and 'test' in testlis"):
        find_videos(make("A/x.avi"), lists=lists)


def test_group_of_name__needs_neither_folder_nor_extension():
    assert group_of_name("v_HandStandPushups_g07_c02") == "HandStandPushups/g07"
    assert group_of_name("a/v_clip.avi") is None


@needs_data
def test_find_videos__jhmdb_groups_are_the_documented_sources():
    with (SHARED / "data/jhmdb/clips.csv").open(newline="") as file:
        truth = {row["path"]: row for row in csv.DictReader(file)}
    found = find_videos(SHARED / "data/jhmdb/videos")
    assert {e.video: e.label for e in found} == {p: row["label"] for p, row in truth.items()}
    for entry in found:
        assert entry.group == f"{truth[entry.video]['source']}_{entry.label}"


@needs_data
def test_find_videos__utd_mhad_by_subject():
    found = find_videos(SHARED / "data/utd-mhad/videos", group_pattern=r"s(\d+)_t")
    assert len(found) == 861
    assert len({e.label for e in found}) == 27
    assert sum(int(e.group) % 2 for e in found) == 431


def test_find_videos__takes_groups_from_a_named_column(tmp_path):
    for name in ("a/1.mp4", "a/2.mp4", "b/1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    clips = tmp_path / "clips.csv"
    clips.write_text("path,label,Source\na/1.mp4,a,film\na/2.mp4,a,\nb/1.mp4,b,film\n")
    found = find_videos(tmp_path, lists=[clips], reading=Reading(group_column="source"))
    assert [entry.group for entry in found] == ["film", None, "film"]
    with pytest.raises(DataError, match=r"has the columns path, label, source and lacks film"):
        find_videos(tmp_path, lists=[clips], reading=Reading(group_column="film"))
    with pytest.raises(ConfigError, match=r"group_column 'source' needs a CSV file"):
        find_videos(tmp_path, reading=Reading(group_column="source"))
