"""Files of labels made by hand, a small one of each format."""

import json

import pytest

from semivideo.events.formats import read_labels
from semivideo.events.frame_clock import Clock
from semivideo.events.guidance import Reading

SAMPLES = {
    "elan": (
        "a.eaf",
        '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR '
        'MEDIA_URL="file:///C:/films/a.mp4"/></HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" '
        'TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1500"/></TIME_ORDER>'
        '<TIER TIER_ID="rat"><ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="t1" '
        'TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>run</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
        "</ANNOTATION></TIER></ANNOTATION_DOCUMENT>",
    ),
    "cvat": (
        "annotations.xml",
        "<annotations><meta><task><size>100</size><source>a.mp4</source></task></meta>"
        '<track id="0" label="run"><box frame="10" outside="0"/><box frame="35" outside="1"/>'
        "</track></annotations>",
    ),
    "via": (
        "project.json",
        json.dumps(
            {
                "file": {"1": {"fname": "a.mp4", "src": "films/a.mp4"}},
                "view": {"1": {"fid_list": ["1"]}},
                "attribute": {"1": {"aname": "what", "type": 4, "options": {"0": "run"}}},
                "metadata": {"1_x": {"vid": "1", "z": [0.5, 1.5], "xy": [], "av": {"1": "0"}}},
            }
        ),
    ),
    "activitynet": (
        "anet.json",
        '{"database": {"a": {"subset": "training", "annotations": '
        '[{"label": "run", "segment": [0.5, 1.5]}]}}}',
    ),
    "fiftyone": (
        "labels.json",
        '{"classes": ["run"], "labels": {"a": [{"label": 0, "timestamps": [0.5, 1.5]}]}}',
    ),
    "something-something": (
        "train.json",
        '[{"id": "7", "label": "spinning cube", "template": "Spinning [something]"}]',
    ),
    "label-studio": (
        "project-1.json",
        '[{"data": {"video": "a.mp4", "fps": 10}, "annotations": [{"completed_by": 1, "result": '
        '[{"type": "timelinelabels", "value": {"ranges": [{"start": 6, "end": 15}], '
        '"timelinelabels": ["run"]}}]}]}]',
    ),
    "boris": (
        "events.tsv",
        "Observation id\tMedia file name\tSubject\tBehavior\tBehavior type\tTime\n"
        "o1\ta.mp4\trat\trun\tSTART\t0.500\no1\ta.mp4\trat\trun\tSTOP\t1.500\n",
    ),
    "deepethogram": ("a_labels.csv", ",background,run\n0,1,0\n1,0,1\n2,0,1\n"),
    "ava": ("ava_train.csv", "a,902,0.1,0.2,0.3,0.4,12,0\n"),
    "kinetics": ("val.csv", "label,youtube_id,time_start,time_end,split\nrun,a,1,11,validate\n"),
    "csv": ("events.csv", "path,label,start,end\na.mp4,run,0.5,1.5\n"),
    "list": ("train.txt", "run/a.mp4 1\n"),
}


@pytest.fixture
def sample(tmp_path):
    """The function that writes the sample of a format."""

    def write(name):
        file, text = SAMPLES[name]
        (tmp_path / file).write_text(text)
        return tmp_path / file

    return write


@pytest.fixture
def read(tmp_path):
    """The function that writes a file and reads its labels; videos have 10 frames a second."""

    def read_text(name, text, **how):
        file = tmp_path / name
        file.write_text(text if isinstance(text, str) else json.dumps(text))
        return read_labels(file, Reading(**{"clock": lambda video: Clock(10.0)} | how))

    return read_text
