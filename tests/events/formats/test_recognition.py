"""Every format is told by what is in the file, and a file of another kind is refused in a line."""

import re
from contextlib import suppress

import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.events.content import read_content
from semivideo.events.formats import FORMATS, read_labels, recognized, write_labels
from semivideo.events.frame_clock import Clock
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow
from tests.events.formats.conftest import SAMPLES

HOW = Reading(clock=lambda video: Clock(10.0))
MENTIONED = ("videofolder", "zamba", "hmdb51", "frames", "ids", "names", "pairs", "folders")


def test_formats__have_a_sample_each():
    assert set(FORMATS) == {*SAMPLES, *MENTIONED}


@pytest.mark.parametrize("name", SAMPLES)
def test_recognized__each_format_is_told_from_all_others(sample, name):
    assert recognized(read_content(sample(name))) == name


@pytest.mark.parametrize("name", SAMPLES)
def test_read_labels__reads_each_sample(sample, name):
    rows = read_labels(sample(name), HOW)
    labels = {row.label for row in rows}
    assert labels & {"run", "Spinning something", "12"}


@pytest.mark.parametrize("name", SAMPLES)
def test_read_labels__another_format_ends_in_rows_or_a_sentence(sample, name):
    for insisted in FORMATS:
        with suppress(DataError, ConfigError):
            read_labels(sample(name), Reading(format=insisted, clock=lambda video: Clock(10.0)))


@pytest.mark.parametrize("name", SAMPLES)
def test_read_labels__a_truncated_file_ends_in_rows_or_a_sentence(sample, name):
    file = sample(name)
    whole = file.read_bytes()
    for length in range(1, len(whole) - 1, 7):
        file.write_bytes(whole[:length])
        with suppress(DataError):
            read_labels(file, HOW)


def test_read_labels__names_the_format_that_it_looks_like(sample):
    with pytest.raises(DataError, match=r"anet.json is not of the format 'via', it looks like '"):
        read_labels(sample("activitynet"), Reading(format="via"))


def test_read_labels__an_unknown_format_names_the_nearest(sample):
    with pytest.raises(ConfigError, match=r"no format of labels 'bors'; did you mean 'boris'\? \["):
        read_labels(sample("boris"), Reading(format="bors"))


def test_read_labels__half_a_json_file_is_said_to_be_cut(tmp_path):
    (tmp_path / "a.json").write_text('[{"data": {"video": "a.mp4"},\n "annota')
    with pytest.raises(DataError, match=r"a.json is no whole JSON file \(line 2\); it may be c"):
        read_labels(tmp_path / "a.json")


def test_read_labels__other_json_is_no_file_of_labels(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"a.json is no file of labels that is known here; write a"):
        read_labels(tmp_path / "a.json")


@pytest.mark.parametrize(
    "start", ['<!DOCTYPE a [<!ENTITY x "y">]>', '<!DOCTYPE a SYSTEM "file:///etc/passwd">']
)
def test_read_labels__entities_are_refused(tmp_path, start):
    (tmp_path / "a.eaf").write_text(f"<?xml version='1.0'?>{start}<ANNOTATION_DOCUMENT/>")
    with pytest.raises(DataError, match=r"a.eaf declares a document type, which files of labels"):
        read_labels(tmp_path / "a.eaf")


def test_write_labels__refuses_formats_that_are_only_read():
    with pytest.raises(ConfigError, match="via is read and not written; write one of elan, act"):
        write_labels([LabelRow("a.mp4", "run")], "via")


def test_read_labels__tells_of_labels_at_once(read, caplog):
    read("e.csv", "path,label,start,end\na,run,0,2\na,eat,1,3\na,run,3,4\nb,run,1,2\n")
    assert "e.csv: 1 label(s) begin before another one of the same video and" in caplog.text


def test_reading__lengths_must_be_above_zero():
    with pytest.raises(ConfigError, match="point_seconds must be above 0, got 0"):
        Reading(point_seconds=0)


@pytest.mark.parametrize(("time", "told"), [("Infinity", "inf"), ("NaN", "nan"), ("1e300", "1e+")])
def test_read_labels__refuses_what_is_no_time_in_any_format(tmp_path, time, told):
    part = f'{{"segment": [0, {time}], "label": "run"}}'
    file = tmp_path / "a.json"
    file.write_text(f'{{"database": {{"v": {{"subset": "train", "annotations": [{part}]}}}}}}')
    sentence = f"^label 1 of a.json, of v, has the time {re.escape(told)}.*; correct it to seco"
    with pytest.raises(DataError, match=sentence):
        read_labels(file)


@pytest.mark.parametrize("encoding", ["idna", "nonsense", "utf-7"])
def test_read_content__of_an_encoding_that_is_not_read(tmp_path, encoding):
    file = tmp_path / "a.xml"
    file.write_text(f'<?xml version="1.0" encoding="{encoding}"?><a/>')
    with pytest.raises(DataError, match=r"^a.xml: .*; save it as UTF-8$"):
        read_content(file)


def test_write_labels__refuses_a_start_before_the_video():
    row = LabelRow("a.mp4", "run", start_seconds=-5.0, end_seconds=2.0)
    with pytest.raises(DataError, match=r"the label 'run' of a.mp4 starts at -5 s, before the vid"):
        write_labels([row], "csv")
