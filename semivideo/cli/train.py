"""``semivideo train``: train a recogniser, or go on with a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from semivideo.base.errors import ConfigError
from semivideo.cli.console import on_interrupt, progress_bars, show

MethodName = Annotated[
    str | None,
    typer.Option(help="Name from `semivideo methods` or module:Class; the recipe's, or cmpl."),
]
SplitFile = Annotated[Path | None, typer.Option(help="Split file; none: all labels there are.")]
LabelsPerClass = Annotated[
    int | None, typer.Option(min=1, help="Draw a split with so many labels of each class.")
]
RecipeName = Annotated[
    str | None, typer.Option(help="Settings to start from: a name from `semivideo recipes`.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one setting; can be repeated."),
]


def train(
    videos: Annotated[
        str | None,
        typer.Argument(
            help="Manifest, cache or its address, or what `semivideo scan` takes.",
            show_default=False,
        ),
    ] = None,
    method: MethodName = None,
    split: SplitFile = None,
    labels_per_class: LabelsPerClass = None,
    recipe: RecipeName = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Number of iterations.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random.")] = None,
    set_: Set = None,
    out: Annotated[Path | None, typer.Option(help="New run folder.", show_default=False)] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Run folder to go on with; takes no other option.")
    ] = None,
) -> None:
    """Train a recogniser from labelled and unlabelled videos.

    VIDEOS and --out are needed, or --resume alone. A training that was stopped or killed goes on
    with --resume as if nothing had happened.
    """
    given = {
        "videos": videos,
        "method": method,
        "split": split,
        "labels_per_class": labels_per_class,
        "recipe": recipe,
        "steps": steps,
        "seed": seed,
        "settings": parse_settings(set_ or []) or None,
        "out": out,
    }
    folder = _run_folder(given, resume)

    def how_to_go_on() -> str:
        started = (folder / "settings.yaml").is_file()
        return f"go on with: semivideo train --resume {folder}" if started else ""

    from semivideo import api

    arguments: dict[str, Any] = {"resume": resume} if resume else given
    with on_interrupt(how_to_go_on), progress_bars() as progress:
        run = api.train(**arguments, progress=progress)
    show(_outcome(run.summary, run.path, is_tested=bool(run.split.test)))


def parse_settings(assignments: list[str]) -> dict[str, Any]:
    """Read ``section.key=value`` pairs; values are YAML scalars or lists.

    Raises:
        ConfigError: No "=", no key, or a value that is not YAML.

    >>> parse_settings(["engine.steps=100", "views.flip=false", "engine.learning_rate=1e-2"])
    {'engine.steps': 100, 'views.flip': False, 'engine.learning_rate': 0.01}
    """
    import yaml

    from semivideo.settings import read_yaml

    settings = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (equals and key.strip()):
            raise ConfigError(
                f"--set {assignment!r} is not section.key=value; write for example "
                "--set engine.steps=100"
            )
        try:
            settings[key.strip()] = read_yaml(text)
        except yaml.YAMLError:
            raise ConfigError(
                f"the value of --set {assignment!r} cannot be read; write a number, true, false, "
                "null, a word or a list such as [1, 2]"
            ) from None
    return settings


def _run_folder(given: dict[str, Any], resume: Path | None) -> Path:
    """Return the run's folder, or say what is missing or too much."""
    names = {"videos": "VIDEOS", "settings": "--set"}
    if resume is not None:
        for name, value in given.items():
            if value is not None:
                option = names.get(name, f"--{name.replace('_', '-')}")
                raise ConfigError(
                    f"--resume takes everything from the run folder; leave out {option}"
                )
        return resume
    for name in ("videos", "out"):
        if given[name] is None:
            raise ConfigError(
                f"train needs {names.get(name, '--out')}: write semivideo train VIDEOS --out RUN, "
                "or semivideo train --resume RUN"
            )
    out: Path = given["out"]
    return out


def _outcome(summary: dict[str, Any], path: Path, *, is_tested: bool) -> str:
    """One line on a finished training."""
    words = [f"finished: {summary['steps']} steps in {summary['seconds'] / 60:.1f} minutes"]
    if skipped := summary.get("skipped_videos"):
        words.append(f"{len(skipped)} videos could not be read (see {path / 'summary.json'})")
    words.append(f"next: semivideo {'evaluate' if is_tested else 'predict'} {path}")
    return "; ".join(words)
