"""The table of a comparison: what its headers say, and one number a cell where programs read."""

import re

import pytest

from semivideo.analysis.comparison import Line, compare
from semivideo.analysis.comparison_table import as_csv, as_markdown, for_reading, in_numbers
from semivideo.analysis.pseudo_labels import LateLabels
from semivideo.analysis.result import Result

LABELS = [(step, "primary", step % 20, step % 4, step % 3 > 0) for step in range(40)]


@pytest.fixture
def runs(finished_run):
    given = {"cmpl": LABELS, "supervised": None}
    return [
        finished_run(method, f"{method}-{seed}", seed=seed, right=(5, 4, 3, seed), labels=labels)
        for method, labels in given.items()
        for seed in (0, 1)
    ]


def test_in_numbers__has_one_number_a_cell_and_one_header(runs):
    rows = in_numbers(compare(runs))
    assert rows[0].keys() == rows[1].keys()
    for row in rows:
        for header, cell in list(row.items())[1:]:
            assert re.fullmatch(r"([+-]?\d+(\.\d+)?)?", cell), header
    assert (rows[0]["seed 0 %"], rows[0]["seed 1 %"], rows[0]["top-1 %"]) == (
        "60.0",
        "65.0",
        "62.5",
    )
    assert (rows[0]["points over the first line"], rows[1]["points over the first line"]) == (
        "",
        "+0.0",
    )


def test_tables__say_what_it_cost(runs):
    for cells in (for_reading(compare(runs[:1]))[0], in_numbers(compare(runs[:1]))[0]):
        assert (cells["minutes"], cells["memory GB"], cells["top-1 %"]) == ("1.5", "1.5", "60.0")
        assert cells["million weights"] == "32.21"  # 33.02 M of 3D-ResNet-50, less 396 classes


def test_tables__say_what_their_intervals_are_over(runs):
    def over(lines):
        [header] = [name for name in for_reading(lines)[0] if name.startswith("95 %")]
        assert f"95 % low, {header.removeprefix('95 % ')}" in in_numbers(lines)[0]
        return header

    assert over(compare(runs)) == "95 % over draws and videos"
    assert over(compare(runs[:1])) == "95 % over videos"
    assert over(compare(runs[:3])) == "95 % over draws, where several, and videos"
    grouped = [Line(ln.name, ln.results, ln.top1, ln.gains, 7) for ln in compare(runs)]
    assert over(grouped) == "95 % over draws and 7 groups of videos"


def test_tables__say_on_how_many_seeds_a_gain_is_where_not_on_all(runs):
    lines = compare(runs[:3])
    assert for_reading(lines)[1]["over the first line"].endswith("(seeds paired: 1)")
    assert in_numbers(lines)[1]["seeds paired over the first line"] == "1"
    assert "seeds paired over the first line" not in in_numbers(compare(runs))[1]


def test_tables__do_not_mix_labels_counted_with_and_without_labelled_videos(runs):
    lines = compare(runs)
    new = ["labels kept % (unlabelled clips)", "right % of those (unlabelled clips)"]
    old = [
        "labels kept % (all clips of the unlabelled stream, labelled ones included)",
        "right % of those (labelled ones included)",
    ]
    headers = [name for name in for_reading(lines)[0] if "labelled" in name]
    assert headers == new
    before = Result(**vars(lines[0].results[0]) | {"labels": LateLabels(0.5, 0.25, True)})
    mixed = [lines[0], Line("older", (before,), lines[0].top1, (None, None))]
    assert [name for name in for_reading(mixed)[0] if "labelled" in name] == [*new, *old]
    assert [for_reading(mixed)[1][name] for name in (*new, *old)] == ["-", "-", "50.0", "25.0"]
    assert [for_reading(mixed)[0][name] for name in old] == ["-", "-"]
    assert [in_numbers(mixed)[0][name] for name in old] == ["", ""]


def test_tables__are_written_as_markdown_and_csv(runs):
    rows = in_numbers(compare(runs))
    markdown = as_markdown(rows).splitlines()
    assert len(markdown) == 4
    assert {line.count("|") for line in markdown} == {len(rows[0]) + 1}
    assert as_csv(rows).splitlines()[0].startswith('method,runs,top-1 %,deviation,"95 % low, over')
