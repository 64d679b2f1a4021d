import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from semivideo.report.charts import (
    Band,
    Series,
    confused_pairs,
    confusion_chart,
    line_chart,
    reliability_chart,
)


def parsed(chart):
    return ElementTree.fromstring(chart.svg)


def test_line_chart__puts_values_where_they_belong():
    points = [(0, 0.0), (50, 0.5), (100, 1.0)]
    chart = line_chart([Series("a", points)], title="A", x="step", y="right [%]")
    [line] = parsed(chart).findall("polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    assert places == [(56.0, 292.0), (340.0, 154.0), (624.0, 16.0)]
    assert chart.words == "A. a: from 0.0 % to 100.0 %."
    assert chart.rows[1] == ("a", "50", "50.0 %")


def test_line_chart__leaves_a_gap_where_nothing_is_known():
    points = [(0, 0.1), (1, 0.2), (2, math.nan), (3, 0.4), (4, 0.5)]
    chart = line_chart([Series("a", points)], title="A", x="step", y="y")
    assert len(parsed(chart).findall("polyline")) == 2
    assert "nan" not in chart.svg.lower()


def test_line_chart__tells_lines_apart_without_colour():
    series = [Series(name, [(0, 0.1), (1, 0.2)]) for name in "abc"]
    chart = line_chart(series, title="A", x="step", y="y", band=Band([(0, 0, 0.2), (1, 0.1, 0.3)]))
    dashes = [line.get("stroke-dasharray") for line in parsed(chart).findall("polyline")]
    assert len(set(dashes)) == 3
    assert len(parsed(chart).findall("polygon")) == 1


def test_charts__escape_what_users_called_their_classes():
    names = ["<script>alert(1)</script>", "a & b"]
    chart = confusion_chart(np.array([[1, 2], [0, 3]]), names)
    assert "<script>" not in chart.svg
    assert "a &amp; b" in chart.svg


def test_confusion_chart__has_a_cell_for_each_pair_that_occurs():
    counts = np.array([[3, 1, 0], [0, 2, 0], [4, 0, 0]])
    chart = confusion_chart(counts, ["x", "y", "z"])
    kinds = [cell.get("class") for cell in parsed(chart).findall("rect")]
    assert sorted(kinds) == ["paper", "right", "right", "wrong", "wrong"]
    assert chart.rows == [("z", "x", "4"), ("x", "y", "1")]
    assert "z for x, 4 times" in chart.words


def test_confused_pairs__of_a_hundred_classes_are_the_most_frequent():
    counts = np.diag(np.full(100, 9)) + np.eye(100, k=1, dtype=int)
    counts[7, 3] = 5
    found = confused_pairs(counts, [str(n) for n in range(100)])
    assert found[0] == ("7", "3", 5)
    assert len(found) == 40
    assert re.search("viewBox", confusion_chart(counts, [str(n) for n in range(100)]).svg)


def test_reliability_chart__draws_bins_that_hold_videos():
    nan = math.nan
    chart = reliability_chart(
        np.array([0.2, nan, 0.9]), np.array([0.5, nan, 0.8]), np.array([4.0, 0, 16]), error=0.12
    )
    radii = [float(dot.get("r")) for dot in parsed(chart).findall("circle")]
    assert radii == pytest.approx([7.5, 12])
    assert "12.0 %" in chart.words
