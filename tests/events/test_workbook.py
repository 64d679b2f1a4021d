"""Excel workbooks: what is there is read, and what states any size is refused in a sentence."""

import io
import zipfile

import pytest

from semivideo.base.errors import DataError
from semivideo.events import workbook
from semivideo.events.workbook import workbook_text

openpyxl = pytest.importorskip("openpyxl", reason="needs the extra labels")

HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>video</t></is></c></row>'


SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHARED = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
    b'officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
)


def changed(part, change, **texts):
    """A workbook of a header, with one of its parts changed, and with texts that cells share."""
    book, given, made = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    book.active["A1"] = "video"
    book.save(given)
    with zipfile.ZipFile(given) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "[Content_Types].xml" and texts:
                content = content.replace(b"</Types>", SHARED)
            new.writestr(name, change(content) if name == part else content)
        for name, text in texts.items():
            new.writestr(f"xl/{name}.xml", f"<sst {NAMESPACE}><si><t>{text}</t></si></sst>")
    return made.getvalue()


def of_rows(rows, before="", **texts):
    """A workbook with these rows of XML below its header."""
    sheet = f"<worksheet {NAMESPACE}>{before}<sheetData>{HEAD}{rows}</sheetData></worksheet>"
    return changed(SHEET, lambda _: sheet.encode(), **texts)


def cell(place, value):
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def test_workbook__only_cells_that_are_there_count(tmp_path):
    rows = f'<row r="2">{cell("A2", "a.mp4")}</row><row r="900">{cell("B900", "b")}</row>'
    data = of_rows(rows, '<dimension ref="A1:XFD1048576"/>')
    assert workbook_text(tmp_path / "l.xlsx", data) == f"video\na.mp4\n{897 * chr(10)},b\n"


@pytest.mark.parametrize(
    ("bounds", "rows", "kind"),
    [
        ({}, f'<row r="2000000000">{cell("A2", "a.mp4")}</row>', "1048576 rows"),
        ({"_MOST_CELLS": 100}, f'<row r="2">{cell("XFD2", "x")}</row>', "100 cells, empty ones"),
        (
            {"_MOST_BYTES": 10**4},
            f'<row r="2">{cell("A2", 6000 * "x")}{cell("B2", 6000 * "x")}</row>',
            "10000 bytes when it is unpacked",
        ),
    ],
)
def test_workbook__refuses_what_is_without_end(tmp_path, monkeypatch, bounds, rows, kind):
    for name, most in bounds.items():
        monkeypatch.setattr(workbook, name, most)
    sentence = f"^l.xlsx has more than {kind}.*, which no list of labels has; remove cells that str"
    with pytest.raises(DataError, match=sentence):
        workbook_text(tmp_path / "l.xlsx", of_rows(rows))


def test_workbook__counts_a_text_that_stands_in_all_cells(tmp_path, monkeypatch):
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 202))
    data = of_rows(rows, sharedStrings=2000 * "x")
    assert len(workbook_text(tmp_path / "l.xlsx", data)) == 6 + 200 * 2001
    monkeypatch.setattr(workbook, "_MOST_BYTES", 100_000)
    with pytest.raises(DataError, match=r"^l.xlsx has more than 100000 letters, which no li"):
        workbook_text(tmp_path / "l.xlsx", data)


@pytest.mark.parametrize(
    "data",
    [
        of_rows('<row r="2"><c r="A2"'),
        changed(SHEET, lambda content: content[:150]),
        changed("xl/workbook.xml", lambda _: b"\xff\xfe"),
        changed(SHEET, lambda _: b"<a><b></a>"),
        of_rows('<row r="2"><c r="A2" t="s"><v>99999</v></c></row>'),
        of_rows('<row r="abc"><c r="!!"><v>1</v></c></row>'),
        of_rows('<row r="2"><c r="A2" t="d"><v>9999-99-99</v></c></row>'),
        of_rows("<row><c><v>1</v></c></row>")[:-40],
        b"PK\x03\x04",
    ],
    ids=["tag", "cut", "coding", "xml", "string", "place", "date", "zip", "start"],
)
def test_workbook__that_is_broken_is_one_sentence(tmp_path, data):
    sentence = (
        r"^l.xlsx begins like an Excel workbook and cannot be read as one \(.+\); it may be cut "
        "off or an OpenDocument sheet: save it again as xlsx or 'CSV UTF-8'$"
    )
    with pytest.raises(DataError, match=sentence):
        workbook_text(tmp_path / "l.xlsx", data)


def test_workbook__with_packed_bytes_changed_is_one_sentence(tmp_path):
    data = bytearray(of_rows(f'<row r="2">{cell("A2", "a.mp4")}</row>'))
    place = data.index(SHEET.encode()) + 30
    data[place : place + 20] = bytes(20)
    with pytest.raises(DataError, match="begins like an Excel workbook and cannot be read as one"):
        workbook_text(tmp_path / "l.xlsx", bytes(data))
