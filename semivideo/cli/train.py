"""``semivideo train``: train a recogniser, or go on with a training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from semivideo.base.errors import ConfigError
from semivideo.base.foreign_code import modules_of
from semivideo.base.progress import duration
from semivideo.cli.console import (
    AllowCode,
    command,
    note,
    on_interrupt,
    percent,
    progress_bars,
    show,
)

if TYPE_CHECKING:
    from semivideo.run.choice.candidate import Choice
    from semivideo.run.choice.cross_validation import Estimate
    from semivideo.run.finished import Run

METHOD_HELP = "Name from `semivideo methods`, or module:Class."
RECIPE_HELP = "Settings to start from: a name from `semivideo recipes`."
SplitFile = Annotated[
    Path | None,
    typer.Option(
        help="File of `semivideo split`: who is labelled and who is for testing.",
        show_default="all labels; test videos where lists or folders name them",
    ),
]
LabelsPerClass = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Draw so many labels of each class, in the place of --split; the other videos are "
        "unlabelled.",
        show_default="all labels",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change one setting, such as engine.steps=100; `semivideo methods` lists them. Can be "
        "repeated.",
    ),
]


def train(
    videos: Annotated[
        str | None,
        typer.Argument(
            help="Manifest, cache or its address, or what `semivideo scan` takes.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help=METHOD_HELP, show_default="that of --recipe; without either it is chosen"
        ),
    ] = None,
    split: SplitFile = None,
    labels_per_class: LabelsPerClass = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=RECIPE_HELP,
            show_default="chosen; with --method one that this machine can do",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of iterations.",
            show_default="the recipe's; where it is chosen, what the budget has time for",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Of everything random, the draw of --labels-per-class too.",
            show_default="0",
        ),
    ] = None,
    set_: Set = None,
    out: Annotated[Path | None, typer.Option(help="New run folder.", show_default=False)] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Run folder to go on with; takes no other option.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Run to begin from, anew: its videos, split and settings with the answers of "
            "`review`.",
        ),
    ] = None,
    no_estimate: Annotated[
        bool,
        typer.Option(
            "--no-estimate",
            help="Do not cross-validate on the labelled videos first, where none are for testing.",
        ),
    ] = False,
    allow_code: AllowCode = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Time for choosing and training where no recipe or method is named, such as 90s "
            "or 2h; 10m where it is left out.",
            show_default=False,
        ),
    ] = None,
    multi_label: Annotated[
        bool,
        typer.Option(
            "--multi-label",
            help="Several classes may be there at once: labels such as run|eat name them.",
        ),
    ] = False,
) -> None:
    """Train a recogniser from labelled and unlabelled videos.

    VIDEOS and --out are needed, or --from and --out, or --resume alone. Without --recipe,
    --method and a --set of networks or method what is trained is chosen: pretrained networks that
    are here and small ones from scratch are compared on labels that are left out. A training that
    was stopped or killed goes on with --resume as if nothing had happened.
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
        "from_run": from_,
    }
    others = {"no_estimate": no_estimate or None, "budget": budget}
    others |= {"multi_label": multi_label or None}
    folder = _run_folder(given | others, resume)

    def how_to_go_on() -> str:
        started = (folder / "settings.yaml").is_file()
        own = allowed([*(allow_code or ()), *modules_of([given["settings"], method])])
        go_on = command("semivideo", "train", "--resume", folder, *own)
        return f"go on with: {go_on}" if started else ""

    from semivideo import api

    arguments: dict[str, Any] = {"resume": resume} if resume else given
    if allow_code:
        arguments["allow"] = allow_code
    if no_estimate:
        arguments["estimate"] = False
    if budget is not None:
        arguments["budget"] = budget
    if multi_label:
        arguments["multi_label"] = True
    with on_interrupt(how_to_go_on), progress_bars() as progress:
        run = api.train(**arguments, progress=progress)
    show_outcome(run, videos=videos)


def parse_settings(assignments: list[str]) -> dict[str, Any]:
    """Read ``section.key=value`` pairs; values are YAML scalars or lists.

    Raises:
        ConfigError: No "=", no key, or a value that is not YAML.

    >>> parse_settings(["engine.steps=100", "views.flip=false", "engine.learning_rate=1e-2"])
    {'engine.steps': 100, 'views.flip': False, 'engine.learning_rate': 0.01}
    """
    from semivideo.base.checked import UnreadError, shown, yaml_of

    settings = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (equals and key.strip()):
            raise ConfigError(
                f"--set {shown(assignment)} is not section.key=value; write for example "
                "--set engine.steps=100"
            )
        try:
            settings[key.strip()] = yaml_of(text)
        except UnreadError:
            raise ConfigError(
                f"the value of --set {shown(assignment)} cannot be read; write a number, true, "
                "false, null, a word or a list such as [1, 2]"
            ) from None
    return settings


def _run_folder(given: dict[str, Any], resume: Path | None) -> Path:
    """Return the run's folder, or say what is missing or too much."""
    names = {"videos": "VIDEOS", "settings": "--set", "from_run": "--from"}
    if resume is not None:
        for name, value in given.items():
            if value is not None:
                option = names.get(name, f"--{name.replace('_', '-')}")
                raise ConfigError(
                    f"--resume takes everything from the run folder; leave out {option}"
                )
        return resume
    for name in ("videos", "out"):
        if given[name] is None and not (name == "videos" and given["from_run"]):
            raise ConfigError(
                f"train needs {names.get(name, '--out')}: write semivideo train VIDEOS --out RUN, "
                "or semivideo train --resume RUN"
            )
    out: Path = given["out"]
    return out


def show_outcome(run: Run, *, videos: str | None) -> None:
    """Say what a training came to and what comes next.

    Args:
        run: The finished run.
        videos: As the user named them; None where a training went on.
    """
    if run.choice is not None:
        show(_choice_table(run.choice), f"chosen: {run.choice.chosen}, {run.choice.why}")
    if run.estimate is not None:
        show(_labels_table(run.estimate), *_words_of(run.estimate))
    elif run.why_no_estimate:
        note(f"no estimate of the accuracy: {run.why_no_estimate}")
    summary = run.summary
    steps = f"{summary['steps']} steps" if summary["steps"] else "computed"
    words = [f"finished: {steps} in {duration(summary['seconds'])}"]
    num_broken = len(summary["skipped_videos"]) + len(summary.get("unreadable_videos", ()))
    if num_broken:
        what = "1 video" if num_broken == 1 else f"{num_broken} videos"
        words.append(f"{what} could not be read (see {run.path / 'summary.json'})")
    show("; ".join([*words, f"next: {_next(run, videos)}"]))


def allowed(modules: Iterable[str]) -> list[str]:
    """The options that let a later command import the user's own modules."""
    return [word for name in dict.fromkeys(modules) for word in ("--allow-code", name)]


def _next(run: Run, videos: str | None) -> str:
    """The command that comes next: the test, or all videos with their predicted classes."""
    own = allowed(run.allow)
    if run.split.test:
        return command("semivideo", "evaluate", run.path, *own)
    folder = run.videos_folder
    if folder is None:  # a cache whose videos are gone
        return command("semivideo", "predict", run.path, "NEW.mp4", *own)
    is_named = videos and (Path(videos).is_file() or Path(videos).resolve() == folder.resolve())
    place = videos if is_named else folder
    return command(
        "semivideo", "predict", run.path, place, "--out", run.path / "predictions.csv", *own
    )


def _choice_table(choice: Choice) -> Table:
    """One line a candidate; what had seen nothing and what had seen images are told apart."""
    names = ("left-out labels right %", "95 % interval", "left out", "seconds")
    columns = [Column(name, justify="right") for name in names]
    table = Table("candidate", "league", *columns, "remark")
    for each in choice.candidates:
        low, high = each.interval
        cells = (
            percent(each.top1),
            f"{percent(low)} to {percent(high)}" if each.is_tested else "-",
            str(len(each.ids)),
            f"{each.seconds:.0f}",
        )
        is_chosen = each.name == choice.chosen
        table.add_row(
            each.name, each.league, *cells, each.remark, style="bold" if is_chosen else None
        )
    return table


def _labels_table(estimate: Estimate) -> Table:
    """What there was to learn each class from, and how the left-out labels were named."""
    columns = [Column(name, justify="right") for name in ("labels", "left out", "right %")]
    table = Table("class", *columns, "most often taken for")
    for number, name in enumerate(estimate.classes):
        row = estimate.confusion[number]
        wrong = [f"{other} ({count})" for true, other, count in estimate.confused if true == name]
        share = row[number] / sum(row) if sum(row) else float("nan")
        cells = (str(estimate.labels[name]), str(sum(row)), percent(share))
        table.add_row(name, *cells, ", ".join(wrong[:2]))
    return table


def _words_of(estimate: Estimate) -> Iterator[str]:
    """The estimate, what it varies over, how it was made, and what it cannot know."""
    low, high = (percent(share) for share in estimate.interval)
    is_grouped = estimate.num_groups < estimate.num_videos
    over = f"{estimate.num_groups} {'groups' if is_grouped else 'videos'}"
    yield (
        f"estimate: {percent(estimate.top1)} % of {estimate.num_videos} left-out labelled videos "
        f"right, 95 % interval {low} to {high} (Wilson, over {over}: how far other videos like "
        "these could move it; other labels can move it more)"
    )
    if estimate.fold_steps == 0:
        yield (
            f"made by {estimate.num_folds} classifiers, each without a part of the labels, and all "
            "videos of the same groups; the run has all labels, so take it for a lower bound"
        )
    else:
        yield _words_on_trainings(estimate)
    if not is_grouped:
        yield (
            "no videos are known to belong together; if several are of one person or recording, "
            "name it (a column group, or --group-pattern of semivideo scan), or this is too good"
        )


def _words_on_trainings(estimate: Estimate) -> str:
    """How an estimate was made by short trainings."""
    trainings = f"{estimate.num_folds} training{'' if estimate.num_folds == 1 else 's'}"
    return (
        f"made by {trainings} of {estimate.fold_steps} steps, each without a third of the labels "
        f"and all videos of the same groups, in {duration(estimate.seconds)}; the run has all "
        f"labels, {estimate.num_unlabeled} unlabelled videos and {estimate.run_steps} steps, so "
        "take it for a lower bound"
    )
