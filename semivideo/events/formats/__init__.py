"""All formats of labels, one file each: what a file is told by, its reader, and its writer if any.

Order matters for recognition: what is told by more comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semivideo.base.errors import ConfigError, DataError, nearest, option
from semivideo.events import lists
from semivideo.events.content import Content, read_content
from semivideo.events.formats import (
    activitynet,
    ava,
    boris,
    csv_events,
    cvat,
    deepethogram,
    elan,
    fiftyone,
    label_studio,
    something_something,
    via,
)
from semivideo.events.guidance import Reading, Writing, tell_overlaps
from semivideo.events.label_row import LATEST_SECONDS, LabelRow, is_time


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """A way to write labels down.

    Attributes:
        what: A line for people.
        is_it: Whether some content is of this format.
        read: Content to rows.
        write: Rows to text, or None where it is only read.
        ending: Of files that are written.
        is_of_one_video: Whether a file is about one video.
        keeps: What is written besides video, class and times: fields of ``LabelRow``, and
            "unlabeled" for videos without a label.
    """

    what: str
    is_it: Callable[[Content], bool]
    read: Callable[[Content, Reading], list[LabelRow]]
    write: Callable[[Sequence[LabelRow], Writing], str] | None = None
    ending: str = ".json"
    is_of_one_video: bool = False
    keeps: frozenset[str] = frozenset()


def _never(content: Content) -> bool:
    """Of a format that is recognised under another name."""
    return False


def _is_list(content: Content) -> bool:
    return content.json is None and content.xml is None


def _read_list(content: Content, how: Reading) -> list[LabelRow]:
    return lists.read_text_list(content.path, content.text, group_column=how.group_column)


def _read_lines(name: str) -> Callable[[Content, Reading], list[LabelRow]]:
    """Reader of one format of ``events.lists``."""

    def read(content: Content, how: Reading) -> list[LabelRow]:
        return lists.read_text_list(
            content.path, content.text, format=name, group_column=how.group_column
        )

    return read


FORMATS: dict[str, LabelFormat] = {
    "elan": LabelFormat(
        "ELAN, .eaf",
        elan.is_it,
        elan.read,
        elan.write,
        ".eaf",
        is_of_one_video=True,
        keeps=frozenset({"subject"}),
    ),
    "cvat": LabelFormat("CVAT for video 1.1, XML", cvat.is_it, cvat.read),
    "via": LabelFormat("VIA 3 project, JSON", via.is_it, via.read),
    "activitynet": LabelFormat(
        "ActivityNet, JSON",
        activitynet.is_it,
        activitynet.read,
        activitynet.write,
        keeps=frozenset({"group", "subset", "subject", "modifier", "score", "unlabeled"}),
    ),
    "fiftyone": LabelFormat(
        "FiftyOne temporal detections or samples, JSON",
        fiftyone.is_it,
        fiftyone.read,
        fiftyone.write,
        keeps=frozenset({"subject", "modifier", "score", "unlabeled"}),
    ),
    "something-something": LabelFormat(
        "Something-Something v2, JSON", something_something.is_it, something_something.read
    ),
    "label-studio": LabelFormat(
        "Label Studio, JSON or JSON-MIN",
        label_studio.is_it,
        label_studio.read,
        label_studio.write,
        keeps=frozenset({"score", "unlabeled"}),
    ),
    "boris": LabelFormat(
        "BORIS tabular or aggregated events, CSV, TSV or XLSX",
        boris.is_it,
        boris.read,
        boris.write,
        ".tsv",
        keeps=frozenset({"subject", "modifier"}),
    ),
    "deepethogram": LabelFormat(
        "DeepEthogram, a row a frame, CSV", deepethogram.is_it, deepethogram.read
    ),
    "ava": LabelFormat("AVA, CSV", ava.is_it, ava.read),
    "kinetics": LabelFormat("Kinetics, CSV", csv_events.is_kinetics, csv_events.read_kinetics),
    "csv": LabelFormat(
        "a table path,label,start,end[,group,...], CSV, TSV or XLSX",
        csv_events.is_it,
        csv_events.read,
        csv_events.write,
        ".csv",
        keeps=frozenset({"group", "subset", "subject", "modifier", "score", "unlabeled"}),
    ),
    "videofolder": LabelFormat("Hugging Face's metadata.csv", _never, csv_events.read),
    "zamba": LabelFormat("Zamba, filepath,label,split, CSV", _never, csv_events.read),
    "list": LabelFormat("a list of videos without a header, text", _is_list, _read_list),
    **{
        name: LabelFormat(f"a list of lines '{name}', text", _never, _read_lines(name))
        for name in lists.LINE_FORMATS
    },
}
"""Name, as ``--format`` takes it, to format."""
_BY_ENDING = {".csv": "csv", ".json": "activitynet", ".eaf": "elan", ".tsv": "boris"}


def format_named(name: str) -> LabelFormat:
    """Return a format by name.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"no format of labels {name!r}{nearest(name, FORMATS)} [known: {', '.join(FORMATS)}]"
        )
    return FORMATS[name]


def format_by_ending(out: Path) -> str:
    """Name of the format that a file to be written is taken to be of.

    Raises:
        ConfigError: Its ending is none of those.

    >>> format_by_ending(Path("events.eaf"))
    'elan'
    """
    found = _BY_ENDING.get(out.suffix.lower())
    if found is None:
        raise ConfigError(
            f"the name {out.name} does not tell the format to write; let it end in "
            f"{', '.join(_BY_ENDING)}, or give {option('to')} [known: {', '.join(_written())}]"
        )
    return found


def _written() -> list[str]:
    return [name for name, each in FORMATS.items() if each.write is not None]


def read_labels(path: Path, how: Reading | None = None) -> list[LabelRow]:
    """Read a file of labels, in the format that is named or recognised.

    What is read past is told in warnings of the logger "semivideo".

    Args:
        path: The file.
        how: What it leaves open; None for nothing.

    Returns:
        A row a label; a video that the file says nothing about is a row without a label.

    Raises:
        DataError: It is not there, cut off, or of no format that is known.
        ConfigError: An unknown format is named.
    """
    how = how or Reading()
    wanted = None if how.format is None else format_named(how.format)
    content = read_content(path)
    name = how.format or recognized(content)
    if name is None:
        raise DataError(
            f"{path.name} is no file of labels that is known here; write a table with the header "
            f"path,label,start,end, or name its format with {option('format')} [known: "
            f"{', '.join(FORMATS)}]",
            path=str(path),
        )
    try:
        rows = (wanted or FORMATS[name]).read(content, how)
    except DataError as error:
        error.path = error.path or str(path)
        raise
    except ConfigError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise DataError(_other_format(content, name, error), path=str(path)) from None
    except OverflowError as error:  # a whole number of hundreds of digits
        raise DataError(_other_format(content, name, error), path=str(path)) from None
    _check_times(path, rows)
    tell_overlaps(path.name, rows)
    return rows


def _check_times(path: Path, rows: Sequence[LabelRow]) -> None:
    """Refuse what is no time, in whatever format it is written."""
    for number, row in enumerate(rows, start=1):
        for time in row.part:
            if time is not None and not is_time(time):
                raise DataError(
                    f"label {number} of {path.name}, of {row.video}, has the time {time:g}; "
                    f"correct it to seconds, up to {LATEST_SECONDS}",
                    path=str(path),
                )


def recognized(content: Content) -> str | None:
    """Name of the format of some content, or None."""
    return next((name for name, each in FORMATS.items() if each.is_it(content)), None)


def _other_format(content: Content, name: str, error: Exception) -> str:
    """The sentence about a file that is not what it should be."""
    other = recognized(content)
    fault = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
    if other is not None and other != name:
        return (
            f"{content.path.name} is not of the format {name!r}, it looks like {other!r}; leave "
            f"out {option('format')} or name that one"
        )
    return (
        f"{content.path.name} looks like {name!r} and a part of it is missing or of another kind "
        f"({fault or type(error).__name__}); export it again"
    )


def write_labels(rows: Sequence[LabelRow], name: str, how: Writing | None = None) -> dict[str, str]:
    """Write rows in a format.

    Args:
        rows: The labels.
        name: The format.
        how: What the format needs besides; None for nothing.

    Returns:
        Text by name of the video, for formats that want a file a video; else one text, by "".

    Raises:
        ConfigError: The format is not written.
        DataError: The rows lack what the format needs.
    """
    format = format_named(name)
    if format.write is None:
        raise ConfigError(f"{name} is read and not written; write one of {', '.join(_written())}")
    how = how or Writing()
    rows = [replace(row, label=row.label or _number(row)) for row in rows]
    if "unlabeled" not in format.keeps:
        rows = [row for row in rows if row.label is not None]
    if not rows:
        raise DataError("there is no label to write")
    for row in rows:
        start, end = row.start_seconds or 0.0, row.end_seconds
        if start < 0:
            raise DataError(
                f"the label {row.label!r} of {row.video} starts at {start:g} s, before the video; "
                "correct it, no program reads such a label"
            )
        if end is not None and end < start:
            raise DataError(
                f"the label {row.label!r} of {row.video} starts at {start:g} s and ends at {end:g} "
                "s, and the end must come later; correct it, no program reads such a label"
            )
    if not format.is_of_one_video:
        return {"": format.write(rows, how)}
    by_video: dict[str, list[LabelRow]] = {}
    for row in rows:
        by_video.setdefault(row.video, []).append(row)
    return {video: format.write(of_one, how) for video, of_one in by_video.items()}


def _number(row: LabelRow) -> str | None:
    return None if row.class_id is None else str(row.class_id)
