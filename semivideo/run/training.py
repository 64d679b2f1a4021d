"""From a manifest, a split and settings to a trained network in a run folder.

``train`` does it all. ``begin`` checks everything and writes what defines the run; ``proceed`` does
the work and can be called again after a kill, since it needs nothing but the folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from semivideo.base.errors import ConfigError, DataError, Sentence, option
from semivideo.base.foreign_code import allowing, refuse_foreign
from semivideo.base.locks import locked, locked_folder
from semivideo.base.progress import Progress
from semivideo.data.cache.reader import opened_cache
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import hardware_of
from semivideo.data.clips.store import filled_store
from semivideo.data.splits import Split
from semivideo.data.video.canvas import frame_size
from semivideo.engine.runtime import Runtime
from semivideo.events.label_sets import names_in
from semivideo.features.classifiers import CLASSIFIERS
from semivideo.methods import Method
from semivideo.models.weights import save_network
from semivideo.run import build
from semivideo.run.choice.budget import USUAL, seconds_of
from semivideo.run.choice.choosing import default_on_features, default_settings
from semivideo.run.choice.contest import choose
from semivideo.run.choice.cross_validation import estimate as estimate_run
from semivideo.run.choice.cross_validation import is_wanted
from semivideo.run.choice.stage import Stage
from semivideo.run.choice.trial import check_memory, few_clips, free_memory_gb, set_up
from semivideo.run.cost import warn_if_slow
from semivideo.run.feature_runs import codebooks, with_features
from semivideo.run.finished import Run
from semivideo.run.fitting import Job, fitted
from semivideo.run.labeling.continuing import continued
from semivideo.run.resolve import Wanted
from semivideo.run.splitting import chosen_split
from semivideo.run.videos import Videos, as_manifest, warn_of_unreadable
from semivideo.runfolder import RunFolder
from semivideo.settings import DataSettings, Settings

_LOG = logging.getLogger("semivideo")


def train(
    videos: Videos | None = None,
    *,
    method: str | type[Method] | None = None,
    split: str | Path | Split | None = None,
    labels_per_class: int | None = None,
    recipe: str | None = None,
    steps: int | None = None,
    seed: int | None = None,
    settings: dict[str, Any] | Settings | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    from_run: str | Path | None = None,
    estimate: bool = True,
    allow: Sequence[str] = (),
    budget: str | None = None,
    multi_label: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Train a recogniser and leave a run folder.

    Without ``split`` and ``labels_per_class`` every label there is may be used. Where neither
    recipe nor method is named, what is trained is chosen: pretrained networks whose weights are
    here and small networks from scratch are compared on labelled groups that are left out, within
    ``budget``. Where a method alone is named it gets settings that this machine can do; where
    nothing is held out for testing, a short cross-validation on the labelled videos comes first.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        method: A name of ``METHODS`` or ``CLASSIFIERS``, ``module:Class`` or a class; None takes
            the recipe's or, without one, chooses.
        split: A split or its file.
        labels_per_class: Draw a split with that many labels, seeded by ``seed``.
        recipe: A name of ``RECIPES`` to start from; None chooses, see ``run.choice``.
        steps: Iterations; None takes the recipe's.
        seed: Of everything random.
        settings: Dotted keys to change, e.g. ``{"method.threshold": 0.8}``, or whole settings.
        out: The run folder; must not exist or be empty.
        resume: A run folder to continue instead; everything else then comes from it.
        from_run: A run to begin from instead of ``videos``: a new training on its videos, split and
            settings with the answers given about it (``review``).
        estimate: Whether to cross-validate; False leaves it out.
        allow: Modules of your own that may be imported where a resumed run names them; those of
            ``method`` and ``settings`` may.
        budget: Time for choosing and training where both are chosen, such as "90s", "10m" or "2h";
            None for ten minutes.
        multi_label: Several classes may be there at once: labels such as run|eat name them, and
            each class is a question of its own. Sets ``data.multi_label``.
        progress: See ``semivideo.api``.

    Raises:
        SemiVideoError: Anything that cannot be used, before training starts where possible.
        Stopped: Ctrl-C or SIGTERM; the run folder can be resumed.
    """
    if resume is not None:
        given = {"videos": videos, "method": method, "split": split, "recipe": recipe, "out": out}
        given |= {"budget": budget}
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise ConfigError(
                f"{option('resume')} takes everything from the run folder; leave out "
                f"{option(extra[0])}"
            )
        run = RunFolder.open(resume)
        with allowing(allow):
            _check_resumed(run)
            return Run(proceed(run, progress=progress), tuple(allow))
    changes: dict[str, Any] = {} if estimate else {"engine.estimate": 0}
    changes |= {"data.multi_label": True} if multi_label else {}
    if from_run is not None:
        named: dict[str, Any] = {
            **{"videos": videos, "method": method, "split": split, "recipe": recipe},
            **{"labels_per_class": labels_per_class, "budget": budget},
        }
        wanted = Wanted(steps=steps, seed=seed, settings=_with(settings, changes))
        own = (*allow, *wanted.modules)
        with allowing(own):
            return replace(_train_from(from_run, named, wanted, out, progress), allow=own)
    if videos is None or out is None:
        missing = option("videos" if videos is None else "out")
        raise ConfigError(
            f"train needs {missing}: the videos to learn from and a folder for the run"
        )
    if split is not None and labels_per_class is not None:
        raise ConfigError(
            f"both are given of {option('split')} and {option('labels_per_class')}; give one of "
            "them"
        )
    wanted = Wanted(
        recipe=recipe, method=method, steps=steps, seed=seed, settings=_with(settings, changes)
    )
    own = (*allow, *wanted.modules)
    with allowing(own):
        wanted.check()
        _require_named(wanted)
        if budget is not None and not wanted.is_undecided:
            raise ConfigError(
                f"{option('budget')} is for a training that is chosen, and this one is named; "
                f"leave it out, or leave out {option('recipe')}, {option('method')} and networks"
            )
        run = begin(
            out,
            wanted,
            budget=seconds_of(budget or USUAL),
            manifest=lambda: as_manifest(videos, progress=progress),
            split=lambda manifest: chosen_split(manifest, split, labels_per_class, seed or 0),
        )
        return Run(proceed(run, progress=progress), own)


def _require_named(wanted: Wanted) -> None:
    """Refuse to choose what is trained where several classes may be there at once."""
    keys = wanted.settings if isinstance(wanted.settings, dict) else {}
    if wanted.is_undecided and keys.get("data.multi_label"):
        raise ConfigError(
            f"what is trained is chosen for one class a video; with {option('multi_label', True)} "
            f"name {option('method')} or {option('recipe')}, such as features-probe or "
            "small-supervised"
        )


def _train_from(
    run: str | Path,
    given: dict[str, Any],
    wanted: Wanted,
    out: str | Path | None,
    progress: Progress | None,
) -> Run:
    """A new training on a run's videos with the answers given about it."""
    if extra := [name for name, value in given.items() if value is not None]:
        raise ConfigError(
            f"{option('from_run')} takes videos, split and recipe from the run; leave out "
            f"{option(extra[0])}"
        )
    if out is None:
        raise ConfigError(f"train needs {option('out')}: a new folder for the run")
    found = continued(run)
    refuse_foreign(found.settings.to_mapping(), file=RunFolder(run).settings_file)
    own = wanted.settings or {}
    settings = own if isinstance(own, Settings) else found.settings.updated(own)
    _LOG.info(
        "%d new labels, %d changed, %d dropped: training on %d labelled videos",
        *(found.num_new, found.num_changed, found.num_dropped, len(found.split.labeled)),
    )
    begun = begin(
        out,
        replace(wanted, settings=settings),
        manifest=lambda: found.manifest,
        split=lambda manifest: found.split,
    )
    return Run(proceed(begun, progress=progress))


def _with(
    settings: dict[str, Any] | Settings | None, changes: dict[str, Any]
) -> dict[str, Any] | Settings | None:
    """The user's settings with some more."""
    if isinstance(settings, Settings):
        return settings.updated(changes)
    return {**(settings or {}), **changes} or None


def begin(
    out: str | Path,
    wanted: Wanted,
    *,
    manifest: Callable[[], Manifest],
    split: Callable[[Manifest], Split],
    budget: float | None = None,
) -> RunFolder:
    """Write settings, manifest and split of a new run; on bad input nothing of it stays.

    Of several processes one writes and the others wait for it.

    Args:
        out: The run folder; must not exist or be empty.
        wanted: What the user named of the settings; the rest is chosen.
        manifest: Finds the videos.
        split: Says which of them are labelled, unlabelled and held out.
        budget: Seconds for choosing and training, if it is left open what is trained; None
            compares nothing.

    Raises:
        SemiVideoError: As ``manifest`` and ``split``; the folder is taken; there is nothing to
            learn from; a step does not fit in memory; or another process begins there.
    """
    runtime = Runtime()
    if runtime.is_main:
        may_choose = wanted.is_undecided and runtime.world_size == 1
        # Held from the first file on: another that begins here would take it for a killed one's.
        with locked_folder(Path(out), doing="train in it"):
            run = RunFolder.create(out)
            _write(run, wanted, budget if may_choose else None, manifest=manifest, split=split)
    runtime.wait_for_all()
    return RunFolder.open(out)


def _write(
    run: RunFolder,
    wanted: Wanted,
    budget: float | None,
    *,
    manifest: Callable[[], Manifest],
    split: Callable[[Manifest], Split],
) -> None:
    """Fill an empty run folder, or remove it; with a budget the settings are to be chosen yet."""
    try:
        videos = manifest()
        parts = split(videos)
        chosen = _chosen(wanted, videos, parts) if budget is None else _simple(wanted, videos)
        settings = with_features(chosen, videos)
        _check_parts(settings, parts)
        _tell_of_sets(settings, videos)
        if settings.features is None:
            _check_reading(settings, videos)
        if budget is not None:
            Stage.begin(run, wanted, budget=budget)
        elif settings.features is None:
            _check_step(settings, videos, parts)
        videos.write(run.manifest_file)
        parts.write(run.split_file)
        run.begun(settings)
    except BaseException:
        run.clear()
        raise


def _chosen(wanted: Wanted, videos: Manifest, parts: Split) -> Settings:
    """The settings that the user named, or those that suit the videos and the machine."""
    if not wanted.is_open:
        return wanted.resolved()
    if videos.features is not None or wanted.method_name in CLASSIFIERS:
        return default_on_features(wanted, videos, parts)
    return default_settings(wanted, videos, parts)


def _simple(wanted: Wanted, videos: Manifest) -> Settings:
    """Settings of a run whose own are to be chosen: what stands in its folder until then."""
    if videos.features is not None:
        return wanted.resolved("features-probe")
    return wanted.resolved("small-supervised", method="supervised")


def proceed(run: RunFolder, *, progress: Progress | None = None) -> RunFolder:
    """Train the run that ``begin`` wrote, from its last checkpoint if there is one.

    Raises:
        SemiVideoError: What stops a training; the run folder can be resumed.
    """
    runtime = Runtime()
    with locked(run.path, doing="train in it") if runtime.is_main else nullcontext():
        if runtime.is_main:
            run.sweep()
        if Stage.is_open(run):
            choose(run, progress=progress)
        return _proceeded(run, progress)


def _proceeded(run: RunFolder, progress: Progress | None) -> RunFolder:
    """As ``proceed``, where nobody else writes."""
    settings, split = run.settings(), Split.read(run.split_file)
    manifest = Manifest.read(run.manifest_file)
    runtime = Runtime(precision=settings.engine.precision)
    unreadable = warn_of_unreadable(manifest)
    job = Job(settings, manifest, split, runtime)
    streams = build.build_streams(settings, manifest=manifest, split=split)
    if settings.features is None:
        store = filled_store(
            manifest,
            sorted({*streams.labeled, *streams.unlabeled}),
            settings=_within_memory(settings.data),
            progress=progress,
        )
        job = replace(job, store=store)
    if is_wanted(job, run):
        estimate_run(job, run, progress=progress)
    network, card = fitted(job, run, num_steps=job.num_steps, progress=progress)
    if job.runtime.is_main:
        if unreadable:
            run.write_json(run.summary_file, run.summary() | {"unreadable_videos": unreadable})
        save_network(run.model, network, card, beside=codebooks(manifest))
    return run


def _within_memory(data: DataSettings) -> DataSettings:
    """Settings whose frames in memory leave some for the rest; batches are the same either way."""
    free = free_memory_gb()
    if free is None or free / 2 > data.memory_gb:
        return data
    return data.model_copy(update={"memory_gb": free / 2})


def _tell_of_sets(settings: Settings, videos: Manifest) -> None:
    """Say that labels of several classes are taken for classes, where nobody said what they are."""
    sets = [name for name in videos.classes if len(names_in(name)) > 1]
    if sets and not settings.data.multi_label:
        sentence = (
            f"{len(sets)} label(s) such as {sets[0]} name several classes, and each such set is "
            f"learned as a class of its own; {option('multi_label', True)} makes each class a "
            "question by itself"
        )
        _LOG.warning("%s", Sentence(sentence))


def _check_parts(settings: Settings, split: Split) -> None:
    """Refuse a split that the method cannot learn from."""
    if not split.labeled:
        raise DataError("the split labels no video; label some, at least one of each class")
    cls = build.method_class(settings.method.name)
    if cls.uses_unlabeled and not split.unlabeled:
        raise DataError(
            f"method {settings.method.name!r} learns from unlabelled videos and there are none: "
            f"all {len(split.labeled)} are labelled; add videos, hide labels with "
            f"{option('labels_per_class')}, or use {option('method', 'supervised')}"
        )


def _check_step(settings: Settings, manifest: Manifest, split: Split) -> None:
    """Refuse a step that does not fit in memory, and warn of one that takes minutes."""
    if settings.engine.check_memory:
        training = set_up(settings, manifest)
        streams = build.build_streams(settings, manifest=manifest, split=split)
        check_memory(training, few_clips(training, manifest, streams, settings), settings)
    warn_if_slow(settings)


def _check_resumed(run: RunFolder) -> None:
    """The same for a run that was begun, maybe on another machine."""
    is_open = Stage.is_open(run)
    if not run.model.exists() and not is_open and run.settings().features is None:
        _check_step(run.settings(), Manifest.read(run.manifest_file), Split.read(run.split_file))


def _check_reading(settings: Settings, manifest: Manifest) -> None:
    """Refuse a decoder that is not there, and a cache that is not finished or leaves out frames."""
    cache = opened_cache(manifest, short_side=frame_size(settings.data))
    hardware_of(settings.data, is_cached=cache is not None)
    if cache is not None and cache.form.every > 1:
        method = build.method_of(settings, manifest)
        cache.check(method.clips, settings.data)
