"""``report``: a page from run folders, written as one HTML file that needs nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from semivideo.base.errors import ConfigError, option
from semivideo.base.files import write_bytes
from semivideo.base.places import check_output, tail
from semivideo.base.progress import Progress
from semivideo.report.comparing import comparison_of
from semivideo.report.run_findings import MOST_ROWS, MOST_STRIPS, findings
from semivideo.run.finished import Run

ENDINGS = (".html", ".htm")
_SIGNED = b"<footer><p>Written by <code>semivideo report</code>."  # as in base.html


def report(
    runs: Sequence[str | Path | Run],
    *,
    out: str | Path,
    progress: Progress | None = None,
) -> Path:
    """Write a page about a run, or one that compares several.

    The file opens from disk, holds its pictures and figures, and asks no server for anything.

    Args:
        runs: One run, finished or not; or several evaluated ones, records, or folders of them.
        out: The file; an earlier report is replaced.
        progress: See ``semivideo.api``.

    Returns:
        ``out``.

    Raises:
        ConfigError: No run, another ending, something else that lies at ``out``, or runs that were
            tested on different videos.
        CheckpointError: A run is missing or broken, or one of several was not evaluated.
        WriteError: The file cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"{option('out')} {str(out)!r} must end in .html, for the report is a page"
        )
    check_output(out, what="an earlier report", is_ours=lambda file: _SIGNED in tail(file))
    paths = [run.path if isinstance(run, Run) else Path(run) for run in runs]
    if not paths:
        raise ConfigError("there is nothing to report; name a run or several")
    if len(paths) == 1 and (paths[0] / "settings.yaml").is_file():
        text = run_page(paths[0], progress=progress)
    else:
        found = comparison_of(paths)
        text = _template("comparison.html").render(found=found)
    write_bytes(out, text.encode())
    return out


def run_page(path: Path, *, progress: Progress | None = None) -> str:
    """Return the page of one run as HTML.

    Args:
        path: The run folder.
        progress: See ``semivideo.api``.
    """
    found = findings(path, progress=progress)
    return _template("run.html").render(
        found=found,
        settings=found.trained.settings.to_yaml(),
        most_strips=MOST_STRIPS,
        most_rows=MOST_ROWS,
    )


def _template(name: str) -> Template:
    """A template of this room; whatever comes from users is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "svg": Markup, "slug": _slug}
    return environment.get_template(name)


def _percent(share: float | None) -> str:
    """A share as percent; a dash where nobody knows."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def _slug(text: str) -> str:
    """A name for an element."""
    return re.sub(r"\W+", "-", text).strip("-").lower()
