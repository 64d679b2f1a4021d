"""The command ``semivideo``: one file a command, each a thin layer over ``semivideo.api``.

Nothing heavy is imported before a command runs, so that ``semivideo --help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from semivideo.base.machine.threads import choose_waiting
from semivideo.cli import (
    audit,
    bench,
    compare,
    demo,
    doubts,
    encoders,
    evaluate,
    export,
    features,
    figure,
    labels,
    methods,
    plan_labels,
    predict,
    prepare,
    pull,
    push,
    recipes,
    report,
    review,
    scan,
    split,
    suggest,
    sweep,
    train,
)
from semivideo.cli.console import run_plainly, show, spelling_of


class _PlainGroup(TyperGroup):
    """Ends every command in an exit code and, if need be, a sentence."""

    def invoke(self, ctx: Any) -> Any:
        def spelled(option: str, value: Any) -> str:
            return spelling_of(self.commands, ctx.invoked_subcommand)(option, value)

        if code := run_plainly(lambda: super(_PlainGroup, self).invoke(ctx), spelling=spelled):
            raise typer.Exit(code)


app = typer.Typer(
    cls=_PlainGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from semivideo import __version__

        show(f"semivideo {__version__}")
        raise typer.Exit


@app.callback()
def semivideo(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Train video action recognisers from few labels.

    `semivideo train VIDEOS --out RUN` is enough to begin: VIDEOS is a folder with a sub-folder per
    class, or one with a labels.csv that names some of its videos. Then look: report, suggest,
    predict. `semivideo demo` shows it all on rendered videos.
    """


for _command in (
    scan.scan,
    prepare.prepare,
    features.features,
    labels.labels,
    split.split,
    audit.audit,
    bench.bench,
    train.train,
    evaluate.evaluate,
    predict.predict,
    suggest.suggest,
    doubts.doubts,
    plan_labels.plan,
    report.report,
    review.review,
    export.export,
    push.push,
    pull.pull,
    compare.compare,
    figure.figure,
    sweep.sweep,
    recipes.recipes,
    methods.methods,
    demo.demo,
):
    app.command()(_command)
app.add_typer(encoders.encoders, name="encoders")


def main() -> None:
    """Run the command line on ``sys.argv`` and exit."""
    choose_waiting()
    app(prog_name="semivideo")
