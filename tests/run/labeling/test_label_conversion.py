"""Labels from file to file, and what of them is left out."""

import pytest

from semivideo.base.errors import ConfigError
from semivideo.data.synthetic.rendering import render
from semivideo.data.video.barcodes import barcode_video
from semivideo.events.formats import read_labels
from semivideo.events.guidance import Reading
from semivideo.run.labeling.label_conversion import convert_labels

EVENTS = "path,label,start,end,group\na.mp4,run,0.5,1.5,g\nb.mp4,eat,1,2,g\nc.mp4,,,,\n"


def write(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def test_convert__to_another_format_and_what_has_no_place(tmp_path, caplog):
    done = convert_labels([write(tmp_path, "e.csv", EVENTS)], out=tmp_path / "o.tsv", to="boris")
    assert done.classes == {"eat": 1, "run": 1}
    assert "boris has no place for group; left out" in caplog.text
    assert "1 row(s) without a label are left out" in caplog.text
    assert [row.part for row in read_labels(tmp_path / "o.tsv")] == [(0.5, 1.5), (1.0, 2.0)]


def test_convert__elan_makes_a_file_a_video(tmp_path):
    source = write(tmp_path, "e.csv", EVENTS.replace("a.mp4", "sub/a.mp4"))
    done = convert_labels([source], out=tmp_path / "elan", to="elan")
    assert {file.relative_to(tmp_path).as_posix() for file in done.files} == {
        "elan/sub/a.eaf",
        "elan/b.eaf",
    }
    with pytest.raises(
        ConfigError, match=r"of 2 videos, which want a file each, and .* name a fol"
    ):
        convert_labels([source], out=tmp_path / "e.eaf")


def test_convert__frames_are_those_of_the_video(tmp_path):
    """The times of the video's frames decide, not an even rate."""
    barcode_video(tmp_path / "a.mp4", num_frames=4, times=[0, 5, 10, 30], frame_rate=10)
    source = write(tmp_path, "a_labels.csv", ",background,run\n0,1,0\n1,0,1\n2,0,1\n3,1,0\n")
    done = convert_labels([source], out=tmp_path / "o.csv")
    assert ("run", 0.5, 3.0) in {(row.label, *row.part) for row in done.rows}


def test_convert__ids_are_classes_where_folders_are_not(tmp_path):
    source = write(tmp_path, "train.txt", "all/a.mp4 3\nall/b.mp4 1\n")
    assert convert_labels([source], out=tmp_path / "o.csv").classes == {"1": 1, "3": 1}


def test_convert__never_over_what_it_reads(tmp_path):
    source = write(tmp_path, "e.csv", EVENTS)
    with pytest.raises(ConfigError, match=r"e.csv is read by this command; choose another out"):
        convert_labels([source], out=source)
    with pytest.raises(ConfigError, match=r"the name x.txt does not tell the format to write; let"):
        convert_labels([source], out=tmp_path / "x.txt")


def test_convert__never_over_other_labels(tmp_path):
    """No header tells who wrote a table; the same labels again lose nothing."""
    source, out = write(tmp_path, "e.csv", EVENTS), tmp_path / "o.json"
    for _ in range(2):
        convert_labels([source], out=out)
    mine = write(tmp_path, "labels.csv", "path,label\na.mp4,run\n")
    sentence = (
        r"labels\.csv exists and is neither empty nor of the same labels; choose another out,"
    )
    with pytest.raises(ConfigError, match=sentence):
        convert_labels([source], out=mine)
    (tmp_path / "elan").mkdir()
    write(tmp_path / "elan", "b.eaf", "mine")
    with pytest.raises(ConfigError, match=r"b\.eaf exists and is neither empty nor of the same la"):
        convert_labels([source], out=tmp_path / "elan", to="elan")
    assert [each.name for each in (tmp_path / "elan").iterdir()] == ["b.eaf"]


def test_scan__takes_labels_of_another_tool(tmp_path, caplog):
    """Found by bare name below the folder, cut into segments, one group a file."""
    from semivideo.run.videos import scan

    videos = tmp_path / "videos"
    render(videos, videos_per_class=2, seed=0, classes=["wave"], num_groups=2)
    names = sorted(path.name for path in videos.rglob("*.mp4"))
    lines = "Media file name\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\n"
    lines += (
        f"D:\\x\\{names[0]}\ttom\trun\tSTATE\t0\t0.5\nD:\\x\\{names[0]}\ttom\teat\tSTATE\t0.5\t99\n"
    )
    file = write(tmp_path, "boris.tsv", lines)
    manifest = scan(videos, lists=[file])
    rows = [manifest[row] for row in range(len(manifest))]
    assert [(v.label, v.segment and v.segment.start_seconds) for v in rows] == [
        ("run", 0.0),
        ("eat", 0.5),
        (None, None),
    ]
    assert len({v.group for v in rows[:2]}) == 1
    assert "boris.tsv: for training not used: subject" in caplog.text
    assert "1 segments end after their video" in caplog.text


def test_scan__a_video_that_left_is_named(tmp_path):
    from semivideo.base.errors import DataError
    from semivideo.run.videos import scan

    barcode_video(tmp_path / "a.mp4", num_frames=4)
    labels = '{"database": {"gone": {"annotations": [{"label": "run", "segment": [0, 1]}]}}}'
    file = write(tmp_path, "anet.json", labels)
    with pytest.raises(
        DataError, match=r"anet.json names 1 video that is not below .*, first 'gone'"
    ):
        scan(tmp_path, lists=[file])


def test_read_labels__insists_on_a_format(tmp_path):
    file = write(tmp_path, "e.csv", EVENTS)
    assert len(read_labels(file, Reading(format="zamba"))) == 3
