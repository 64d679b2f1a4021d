"""Published lists parse to the counts that their authors state; the traps in them stay shut."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from semivideo.base.endings import without_extension
from semivideo.base.errors import ConfigError, DataError
from semivideo.data.catalogue.matching import match
from semivideo.data.catalogue.sources import group_of_name
from semivideo.events.label_row import LabelRow
from semivideo.events.lists import read_list, recognize

LISTS = Path(__file__).parents[3].parent / "shared" / "splits"
needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason="needs the lists in ../shared/splits")

COUNTS = {
    **{f"ucf101/trainlist0{k}.txt": n for k, n in zip("123", (9537, 9586, 9624), strict=True)},
    **{f"ucf101/testlist0{k}.txt": n for k, n in zip("123", (3783, 3734, 3696), strict=True)},
    **{
        f"ucf101/videossl/ucf101_train_{p}_percent_labeled_split_1_rawframes.txt": n
        for p, n in {5: 476, 10: 953, 20: 1907, 50: 4768}.items()
    },
    **{
        f"ucf101/videossl/ucf101_train_{p}_percent_unlabeled_split_1_rawframes.txt": 9537 - n
        for p, n in {5: 476, 10: 953, 20: 1907, 50: 4768}.items()
    },
    "ucf101/balanced/ucf101_1_percent_labeled.txt": 101,
    "ucf101/balanced/ucf101_10_percent_labeled.txt": 1010,
    **{
        f"hmdb51/videossl/hmdb51_train_{p}_percent_labeled_split_1_rawframes.txt": n
        for p, n in {40: 2094, 50: 2618, 60: 3141, 100: 5236}.items()
    },
    "hmdb51/hmdb51_val_split_1_rawframes.txt": 1530,
    "kinetics400/videossl/kinetics400_train_1_percent_labeled_videos.txt": 2400,
    "kinetics400/videossl/kinetics400_train_10_percent_labeled_videos.txt": 24000,
    "kinetics400/balanced_1_percent_labeled.txt": 2400,
    "kinetics400/balanced_10_percent_labeled.txt": 24000,
}


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


@needs_lists
@pytest.mark.parametrize("name", COUNTS)
def test_read_list__published_counts(name):
    entries = read_list(LISTS / name)
    assert len(entries) == COUNTS[name]
    assert not any("\r" in e.video or e.video != e.video.strip() for e in entries)
    expected = "train" if "train" in name else None
    expected = "test" if "testlist" in name or "_val_" in name else expected
    assert {e.subset for e in entries} == {expected}


@needs_lists
@pytest.mark.parametrize("fold", [1, 2, 3])
def test_read_list__hmdb51_official(fold):
    files = sorted((LISTS / "hmdb51/official").glob(f"*_test_split{fold}.txt"))
    entries = [entry for file in files for entry in read_list(file)]
    assert Counter(e.subset for e in entries) == {"train": 3570, "test": 1530, "unused": 1666}
    assert set(Counter(e.label for e in entries if e.subset == "train").values()) == {70}
    assert entries[0].video == "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi"


@needs_lists
def test_read_list__ucf_five_percent_misses_a_class():
    entries = read_list(LISTS / next(n for n in COUNTS if "train_5_percent_labeled" in n))
    every = {e.label for e in read_list(LISTS / "ucf101/trainlist01.txt")}
    assert every - {e.label for e in entries} == {"CliffDiving"}


@needs_lists
def test_read_list__folder_not_id_names_the_class():
    """Six classes share ids in the VideoSSL HMDB lists; the folders are right."""
    entries = read_list(LISTS / next(n for n in COUNTS if "hmdb51_train_100" in n))
    by_id = defaultdict(set)
    for entry in entries:
        by_id[entry.class_id].add(entry.label)
    mixed = {label for labels in by_id.values() if len(labels) > 1 for label in labels}
    assert mixed == {"climb", "climb_stairs", "kick", "kick_ball", "sword", "sword_exercise"}
    assert len({e.label for e in entries}) == 51


@needs_lists
@pytest.mark.parametrize(("percent", "leaked"), [(40, 425), (50, 482), (60, 524), (100, 647)])
def test_group_of_name__finds_the_known_leaks_of_hmdb_lists(percent, leaked):
    """Counts of methods.md A.9: test clips that share a source video with a labelled clip."""
    labeled = read_list(LISTS / next(n for n in COUNTS if f"hmdb51_train_{percent}_" in n))
    known = {group_of_name(e.video) for e in labeled}
    test = read_list(LISTS / "hmdb51/hmdb51_val_split_1_rawframes.txt")
    assert sum(group_of_name(e.video) in known for e in test) == leaked


@needs_lists
def test_group_of_name__official_lists_have_no_leak():
    for fold in "123":
        train = {group_of_name(e.video) for e in read_list(LISTS / f"ucf101/trainlist0{fold}.txt")}
        test = {group_of_name(e.video) for e in read_list(LISTS / f"ucf101/testlist0{fold}.txt")}
        assert None not in train | test
        assert not train & test


def test_read_list__kinetics_csv(tmp_path):
    file = write(
        tmp_path,
        "val.csv",
        "label,youtube_id,time_start,time_end,split\n"
        'passing (in game),-a1,7,17,validate\n"x, y",b_2,0,10.0,train',
    )
    assert read_list(file) == [
        LabelRow("-a1_000007_000017", "passing (in game)", None, "val", "-a1"),
        LabelRow("b_2_000000_000010", "x, y", None, "train", "b_2"),
    ]


def test_read_list__labels_csv_of_a_spreadsheet(tmp_path):
    """Byte order mark, semicolons, CR LF, other columns, capital header, empty cells."""
    text = "\ufeffPath;Label;note;Group\r\na b.mp4;wave;x;tom\r\nc.mp4;;;\r\n\r\n"
    assert read_list(write(tmp_path, "labels.csv", text)) == [
        LabelRow("a b.mp4", "wave", "tom", is_exact=True),
        LabelRow("c.mp4", None, None, is_exact=True),
    ]


@pytest.mark.parametrize(
    ("stem", "line", "expected"),
    [
        ("wave_test_split1", "a b_wave.avi 2", "hmdb51"),
        ("list", "a.avi 2", "ids"),
        ("list", "arm wrestling/No. 1.mp4 12", "ids"),
        ("list", "dive/No.1_dive 112 7", "frames"),
        ("list", "a.AVI", "names"),
        ("list", "path,label", "labels"),
        ("list", "a,b", None),
    ],
)
def test_recognize__by_shape(stem, line, expected):
    assert recognize(stem, [line]) == expected


def test_recognize__every_line_counts():
    assert recognize("list", ["a/b.avi 1", "a/c.avi"]) is None


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "a.csv",
            "place,label\na.mp4,x",
            r"a.csv has the columns place, label, and none of them names the video; call that c",
        ),
        (
            "a.csv",
            "path,note\na.mp4,x",
            r"a.csv has the columns path, note, and none of them names the class; call that colu",
        ),
        ("a.csv", "path,label\na,b.mp4,x", r"row 2 of a.csv has 3 columns, the header has 2; c"),
        ("a.csv", "path,label\na.mp4,x,\nc.mp4", r"row 3 of a.csv has 1 columns, the header"),
        ("a.csv", "path,label\na.mp4,x\na.mp4,x", r"a.csv names 'a.mp4' twice; remove one"),
        ("a.txt", "hello world", r"a.txt is no list of videos .* line is 'hello world'; write"),
        ("a.txt", "\r\n \n", r"a.txt is empty; write a header path,label"),
        (
            "a.csv",
            "path,label,subset\na.mp4,x,tset",
            r"row 2 of a.csv: there is no subset 'tset'; did you mean 'test'\?",
        ),
    ],
)
def test_read_list__bad_lists(tmp_path, name, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read_list(write(tmp_path, name, text))


def test_read_list__unreadable(tmp_path):
    with pytest.raises(DataError, match=r"none.txt: No such file or directory; check the path"):
        read_list(tmp_path / "none.txt")
    (tmp_path / "latin.csv").write_bytes("path,label\n\xfcben.mp4,x".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin.csv is not UTF-8 text \(byte 11\); save it as"):
        read_list(tmp_path / "latin.csv")


def test_read_list__named_format(tmp_path):
    file = write(tmp_path, "my_train.txt", "a/b.avi 1\na/c.avi")
    with pytest.raises(DataError, match=r"line 2 of my_train.txt is 'a/c.avi', which is not of"):
        read_list(file, format="ids")
    with pytest.raises(ConfigError, match=r"no list format 'id'; did you mean 'ids'\? \[known: l"):
        read_list(file, format="id")
    with pytest.raises(DataError, match=r"my_train.txt is not called like an HMDB-51 list"):
        read_list(file, format="hmdb51")


@pytest.mark.parametrize(
    ("stem", "expected"),
    [("trainlist01", "train"), ("val", "test"), ("contest", None), ("k_validate", "test")],
)
def test_read_list__subset_by_file_name(tmp_path, stem, expected):
    assert read_list(write(tmp_path, f"{stem}.txt", "a/b.avi"))[0].subset == expected


def test_match__by_path_then_by_unique_name():
    paths = ["arm wrestling/a.mp4", "x/same.mp4", "y/same.mp4", "x/No.1.mkv"]
    wanted = ["arm_wrestling/a.mp4", "same", "y/same", "x/No.1", "none"]
    assert match([LabelRow(name) for name in wanted], paths) == [
        "arm wrestling/a.mp4",
        None,
        "y/same.mp4",
        "x/No.1.mkv",
        None,
    ]


def test_match__alias_and_exact():
    entries = [LabelRow("id_000001_000011", alias="id"), LabelRow("id.mp4", is_exact=True)]
    assert match(entries, ["k/id.mp4"]) == ["k/id.mp4", None]


def test_without_extension__keeps_other_dots():
    assert without_extension("No.1") == "No.1"
    assert without_extension("No.1.MP4") == "No.1"
