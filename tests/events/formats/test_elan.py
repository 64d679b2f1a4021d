"""ELAN: slots without values, tiers that are subjects or classes, linked media, origins."""

import pytest

from semivideo.base.errors import ConfigError, DataError


def document(
    tiers, slots, media='MEDIA_URL="file:///C:/x/a%20b.mp4" RELATIVE_MEDIA_URL="./a%20b.mp4"'
):
    order = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{id}"' + (f' TIME_VALUE="{ms}"/>' if ms is not None else "/>")
        for id, ms in slots.items()
    )
    return (
        f"<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR {media}/></HEADER>"
        f"<TIME_ORDER>{order}</TIME_ORDER>{tiers}</ANNOTATION_DOCUMENT>"
    )


def tier(id, *annotations, **more):
    inside = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="{a}" TIME_SLOT_REF2="{b}">'
        f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for value, a, b in annotations
    )
    given = "".join(f' {key}="{value}"' for key, value in more.items())
    return f'<TIER TIER_ID="{id}"{given}>{inside}</TIER>'


TIMES = {"t1": 1000, "t2": None, "t3": None, "t4": 4000}


def test_read__slots_without_values_lie_evenly_between(read):
    tiers = tier("rat", ("a", "t1", "t2"), ("b", "t2", "t3"), ("c", "t3", "t4"))
    rows = read("e.eaf", document(tiers, TIMES))
    assert [row.part for row in rows] == [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    assert {(row.video, row.subject) for row in rows} == {("a b.mp4", "rat")}


def test_read__a_tier_of_empty_values_is_a_class(read):
    tiers = tier("run", ("", "t1", "t4"), PARTICIPANT="tom") + tier("default", ("eat", "t1", "t4"))
    rows = read("e.eaf", document(tiers, TIMES))
    assert [(r.label, r.subject, r.modifier) for r in rows] == [
        ("run", "tom", None),
        ("eat", None, None),
    ]


def test_read__the_user_decides_what_tiers_are(read):
    text = document(tier("run", ("fast", "t1", "t4")), TIMES)
    [row] = read("e.eaf", text, class_from="tier")
    assert (row.label, row.modifier) == ("run", "fast")
    with pytest.raises(ConfigError, match="class_from of an ELAN file is tier or value, got 'x'"):
        read("e.eaf", text, class_from="x")


def test_read__media_may_begin_before_the_timeline(read):
    media = 'MEDIA_URL="file:///x/a.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="500"'
    [row] = read("e.eaf", document(tier("r", ("run", "t1", "t4")), TIMES, media))
    assert (row.video, row.part) == ("/x/a.mp4", (1.5, 4.5))


def test_read__tiers_that_hang_on_others_are_named(read, caplog):
    child = (
        '<TIER TIER_ID="note"><ANNOTATION><REF_ANNOTATION ANNOTATION_REF="a1"/></ANNOTATION></TIER>'
    )
    read("e.eaf", document(tier("r", ("run", "t1", "t4")) + child, TIMES))
    assert "e.eaf: tiers without times not used: note" in caplog.text


def test_read__without_annotations_the_video_is_unlabeled(read):
    [row] = read("e.eaf", document(tier("r"), TIMES))
    assert row.is_unlabeled


@pytest.mark.parametrize(
    ("slots", "sentence"),
    [
        ({"t1": 0}, "e.eaf refers to the time slot 't4', which it does not have"),
        ({"t1": None, "t4": 9}, "e.eaf has time slots without a time and without one beside them"),
        ({"t1": "x", "t4": 9}, "e.eaf looks like 'elan' and a part of it is missing or of another"),
    ],
)
def test_read__broken_slots_are_a_sentence(read, slots, sentence):
    with pytest.raises(DataError, match=sentence):
        read("e.eaf", document(tier("r", ("run", "t1", "t4")), slots))
