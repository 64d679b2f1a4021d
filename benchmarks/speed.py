"""All speed comparisons, side by side with other libraries, into the tables of docs/speed.md.

    python benchmarks/speed.py [--only reading,views,step,features,size] [--out docs/speed.md]

Nothing is installed: a library that is missing is "not installed" in the tables. Those of the
``bench`` extra take part where they are. Let the machine rest meanwhile.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from timing import machine, markdown

from semivideo.base.errors import ConfigError
from semivideo.base.files import write_bytes
from semivideo.cli.console import note, run_plainly

PARTS = ("reading", "views", "step", "features", "size")
"""Each is a file ``speed_<name>.py`` with ``rows()`` and perhaps ``table()``, in this order."""
OTHERS = ("decord", "decord2", "torchcodec", "torchvision", "pillow")


def main(
    only: Annotated[str, typer.Option(help="Parts to run, with commas.")] = ",".join(PARTS),
    out: Annotated[Path, typer.Option(help="File with the tables.")] = Path("docs/speed.md"),
) -> None:
    """Run the parts, and write the tables of each as soon as it is done."""
    wanted = [name.strip() for name in only.split(",")]
    for name in wanted:
        if name not in PARTS:
            raise ConfigError(f"there is no part {name!r}; --only accepts: {', '.join(PARTS)}")
        filled(out.read_text(), name, [])  # or its hour would be for nothing
    for name in wanted:
        note(f"running {name}")
        lines = measured(name)
        write_bytes(out, filled(out.read_text(), name, lines).encode())
        note(f"wrote {name} into {out}")


def measured(name: str) -> list[str]:
    """Run one part: its tables under the machine and the versions."""
    part = importlib.import_module(f"speed_{name}")
    lines = [f"{machine()}; {versions(OTHERS)}.", "", *markdown(part.rows()), ""]
    return [*lines, *part.table()] if hasattr(part, "table") else lines


def versions(packages: Sequence[str]) -> str:
    """Each package with its version, or that it is missing."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def filled(text: str, name: str, lines: Sequence[str]) -> str:
    """Put lines between the marks of a part.

    Raises:
        ConfigError: The marks are not there.
    """
    first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found_first, rest = text.partition(first)
    _, found_last, after = rest.partition(last)
    if not (found_first and found_last):
        raise ConfigError(
            f"the file for the tables has no place for {name!r}; put the lines {first.strip()!r} "
            f"and {last.strip()!r} where they should stand"
        )
    body = "\n".join(lines).strip("\n")
    return f"{before}{first}{body}\n{last}{after}"


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
