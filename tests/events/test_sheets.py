"""Text as spreadsheets write it becomes the cells that their users see."""

import pytest

from semivideo.base.errors import DataError
from semivideo.events.columns import header_of
from semivideo.events.sheets import read_sheet, read_text, without_hint

TABLE = "path,label\r\nTa\u00ef.mp4,wave\r\n"


def sheet(text, delimiter=","):
    return read_sheet(text, delimiter=delimiter, name="a.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_read_text__encodings_of_spreadsheets(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(TABLE.encode(encoding))
    assert read_text(tmp_path / "a.csv") == TABLE


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"PK\x03\x04", "begins like an Excel workbook and cannot be read as one"),
        (b"\xd0\xcf\x11\xe0", r"is a workbook \(xls\) and no text; save the sheet as xlsx"),
    ],
)
def test_read_text__a_workbook_is_no_table(tmp_path, start, kind):
    (tmp_path / "a.csv").write_bytes(start + b"\0" * 9)
    with pytest.raises(DataError, match=f"a.csv {kind}"):
        read_text(tmp_path / "a.csv")


def test_read_sheet__rows_and_columns_of_empty_cells_are_nothing():
    found = sheet("path,label,,\na,wave,,\n,,,\nb,,,\n,,,\n")
    assert found.columns == ("path", "label")
    assert found.rows == ((2, ("a", "wave")), (4, ("b", "")))


@pytest.mark.parametrize("corner", ["", "Unnamed: 0"])
@pytest.mark.parametrize("first", [0, 1])
def test_read_sheet__the_index_of_pandas_is_nothing(corner, first):
    found = sheet(f"{corner},path\n{first},a\n{first + 1},b\n")
    assert (found.columns, [cells for _, cells in found.rows]) == (("path",), [("a",), ("b",)])


def test_read_sheet__a_column_without_name_that_says_something_stays():
    assert sheet("path,\na,tom\nb,\n").columns == ("path", "")


def test_read_sheet__cells_may_hold_delimiters_and_line_ends():
    found = sheet('path, label\n"a, b", "two\nlines"\nc, d\n')
    assert found.rows == ((3, ("a, b", "two\nlines")), (4, ("c", "d")))


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("path;label", ["path", "label"]),
        ("path\tlabel", ["path", "label"]),
        ("path|label", ["path", "label"]),
        ("path label", ["path", "label"]),
        ('"path";"label, or none"', ["path", "label, or none"]),
        ("my path", ["my path"]),
    ],
)
def test_header_of__the_words_choose_the_delimiter(header, cells):
    assert header_of(header) == cells


def test_without_hint__cuts_the_first_line_of_excel():
    assert without_hint("sep=;\r\npath;label\n") == "path;label\n"
    assert without_hint("path;sep=\n") == "path;sep=\n"


def test_read_sheet__a_row_that_is_too_long_is_named():
    with pytest.raises(DataError, match=r"row 3 of a.csv has 3 columns, the header has 2; correct"):
        sheet("path,label\na,b\nc,d,e\n")
