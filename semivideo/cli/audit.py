"""``semivideo audit``: whether a split can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from semivideo.cli.console import note, percent, progress_bars, show

if TYPE_CHECKING:
    from semivideo.analysis.audit.sides import Parts
    from semivideo.analysis.audit.verdict import Report

LEAK_EXIT_CODE = 3
_STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "leak": "bold red"}


def audit(
    manifest: Annotated[
        Path | None, typer.Argument(help="Manifest of `semivideo scan`; with --split.")
    ] = None,
    split: Annotated[Path | None, typer.Option(help="Split to audit; with MANIFEST.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Published protocol to audit by its lists alone; with --lists."),
    ] = None,
    lists: Annotated[
        Path | None, typer.Option(help="Folder that holds the protocol's lists.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of a --protocol that draws its labels.")] = 0,
    json: Annotated[
        Path | None, typer.Option(help="Also write all findings there, as JSON.")
    ] = None,
    no_frames: Annotated[
        bool, typer.Option("--no-frames", help="Do not read videos to look for copies.")
    ] = False,
) -> None:
    """Say what test clips share with training clips, and what else is wrong with a split.

    Give MANIFEST and --split, or --protocol and --lists. Exits with 3 if test clips leak.
    """
    from semivideo.analysis.audit.verdict import audit as audit_parts
    from semivideo.base.files import write_bytes
    from semivideo.base.places import begins_with, check_output

    if json is not None:
        check_output(
            json,
            what="an earlier audit",
            is_ours=begins_with('{\n "leaks": '),
            inputs=[each for each in (manifest, split) if each is not None],
            named="json",
        )
    parts = _parts(manifest=manifest, split=split, protocol=protocol, lists=lists, seed=seed)
    with progress_bars() as progress:
        report = audit_parts(parts, with_frames=not no_frames, progress=progress)
    show(_table(report))
    if json is not None:
        write_bytes(json, report.to_json().encode())
        note(f"wrote {json}")
    if report.leaks:
        raise typer.Exit(LEAK_EXIT_CODE)


def _parts(
    *,
    manifest: Path | None,
    split: Path | None,
    protocol: str | None,
    lists: Path | None,
    seed: int,
) -> Parts:
    """The sides that the options name, in one of two ways."""
    from semivideo.analysis.audit.sides import parts_of_lists, parts_of_split
    from semivideo.base.errors import ConfigError

    if manifest and split and not (protocol or lists):
        from semivideo import api
        from semivideo.data.splits import Split

        return parts_of_split(api.as_manifest(manifest), Split.read(split))
    if protocol and lists and not (manifest or split):
        from semivideo.data.splits.published import published

        return parts_of_lists(published(protocol, lists=lists, seed=seed))
    named = {"MANIFEST": manifest, "--split": split, "--protocol": protocol, "--lists": lists}
    given = ", ".join(name for name, value in named.items() if value) or "neither"
    raise ConfigError(
        "an audit needs MANIFEST with --split, or --protocol with --lists, and not both; given "
        f"is {given}"
    )


def _table(report: Report) -> Table:
    """One line a finding."""
    sizes = (
        f"{report.num_labeled} labelled, {report.num_unlabeled} unlabelled, {report.num_test} test"
    )
    table = Table(
        "check", "verdict", "how many", "what it means", title=f"{report.name}: {sizes} clips"
    )
    for finding in report.findings:
        many = f"{finding.count} of {finding.total}"
        if finding.count and finding.total:
            many += f"\n{percent(finding.count / finding.total)} %"
        verdict = Text(finding.severity, style=_STYLES[finding.severity])
        table.add_row(finding.name, verdict, Text(many), Text(finding.sentence, overflow="fold"))
    return table
