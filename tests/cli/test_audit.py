"""``semivideo audit``: one screen, a JSON, and an exit code that says whether test clips leak."""

import json
from pathlib import Path

import pytest

from semivideo.data.catalogue.scanning import Hints, scan
from semivideo.data.splits.split_file import Split
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render

LISTS = Path(__file__).parents[2].parent / "shared" / "splits"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A manifest of four clips, a split by group, and one that is not."""
    folder = tmp_path_factory.mktemp("videos")
    render(folder, videos_per_class=2, seed=1, classes=["wave", "squat"], num_groups=2)
    scan(folder, out=folder / "m.parquet", hints=Hints(group_pattern=GROUP_PATTERN), workers=1)
    first, second = (
        tuple(f"{name}/g0{group}_c00.mp4" for name in ("squat", "wave")) for group in (0, 1)
    )
    Split("apart", 0, first, (), second).write(folder / "apart.json")
    mixed = {"labeled": (first[0], second[1]), "unlabeled": (), "test": (first[1], second[0])}
    Split("mixed", 0, **mixed, shares_groups=True).write(folder / "mixed.json")
    return folder


def test_audit__exits_0_without_and_3_with_a_leak(run, videos, tmp_path):
    fine = run("audit", videos / "m.parquet", "--split", videos / "apart.json")
    assert (fine.code, "leak" in fine.out) == (0, False)
    out = tmp_path / "audit.json"
    bad = run("audit", videos / "m.parquet", "--split", videos / "mixed.json", "--json", out)
    assert bad.code == 3
    assert bad.err == f"wrote {out}\n"
    assert "mixed: 2 labelled, 0 unlabelled, 2 test clips" in bad.out
    content = json.loads(out.read_text())
    assert content["leaks"]
    assert content["hash"] == Split.read(videos / "mixed.json").hash


def test_audit__never_over_another_file(run, videos, tmp_path):
    asked = ["audit", videos / "m.parquet", "--split", videos / "apart.json", "--json"]
    assert [run(*asked, tmp_path / "audit.json").code for _ in range(2)] == [0, 0]
    split = (videos / "apart.json").read_bytes()
    assert run(*asked, videos / "apart.json").err == (
        f"error: {videos / 'apart.json'} is read by this command; choose another --json\n"
    )
    assert (videos / "apart.json").read_bytes() == split
    assert run(*asked, videos / "mixed.json").err == (
        f"error: {videos / 'mixed.json'} exists and is neither empty nor an earlier audit; choose "
        "another --json, or move it away\n"
    )


def test_audit__reads_no_video_without_frames(run, videos):
    result = run("audit", videos / "m.parquet", "--split", videos / "apart.json", "--no-frames")
    assert result.code == 0
    assert "not looked for: --no-frames was given" in result.out


@pytest.mark.skipif(not LISTS.is_dir(), reason="needs the lists in ../shared/splits")
def test_audit__needs_lists_alone_for_a_protocol(run):
    result = run("audit", "--protocol", "hmdb51-videossl-50", "--lists", LISTS)
    assert result.code == 3
    assert "482 of 1530" in result.out
    assert run("audit", "--protocol", "hmdb51-official", "--lists", LISTS).code == 0


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], "neither"),
        (["m.parquet"], "MANIFEST"),
        (["--protocol", "p"], "--protocol"),
        (["m", "--split", "s", "--lists", "l"], "MANIFEST, --split, --lists"),
    ],
)
def test_audit__wants_exactly_one_of_two_forms(run, arguments, given):
    result = run("audit", *arguments)
    assert result.code == 2
    assert result.err.endswith(f"with --lists, and not both; given is {given}\n")
