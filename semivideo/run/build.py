"""Settings to objects: the only place that knows every package.

A method is found by name in ``METHODS`` or as ``module:Class``; its constructor says what else it
wants: positional parameters are networks (``primary``, ``auxiliary``), ``views`` and ``clips`` come
from their own sections, and the remaining keywords are the keys of the section ``method``.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from semivideo import models
from semivideo.base.errors import CheckpointError, ConfigError, nearest
from semivideo.base.foreign_code import imported
from semivideo.base.records import ClipSpec, Modality
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.loader import Streams
from semivideo.data.splits import Split
from semivideo.evaluation.protocols import crop_side
from semivideo.events.label_sets import classes_in, membership
from semivideo.features.cached_views import FeatureViews
from semivideo.features.classifiers import CLASSIFIERS
from semivideo.features.closed_form import ClosedForm
from semivideo.methods import METHODS, Method
from semivideo.methods.parts.class_answers import (
    OneClass,
    PresenceThreshold,
    SeveralClasses,
    positive_weights_by_frequency,
    weights_by_frequency,
)
from semivideo.methods.parts.threshold_rules import FixedThreshold
from semivideo.models.tuning import PLAIN, tune
from semivideo.models.weights import load_pretrained
from semivideo.options import REQUIRED, Option, Options
from semivideo.settings import ModelCard, NetworkSettings, Settings
from semivideo.transforms import Views

GIVEN = {"views", "clips"}
SHOWN = 5


def method_class(name: str) -> type[Method]:
    """Find a method or classifier by its name in the tables or as ``module:Class``.

    Raises:
        ConfigError: No such name, module or class.
    """
    tables = {**METHODS, **CLASSIFIERS}
    if name in tables:
        return tables[name]
    if ":" not in name:
        raise ConfigError(
            f"no method {name!r}{nearest(name, tables)} [known: {', '.join(tables)}; "
            "or module:Class]"
        )
    try:
        found = imported(name)
    except ImportError as error:
        raise ConfigError(f"cannot import method {name!r}: {error}; is it on PYTHONPATH?") from None
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise ConfigError(f"{name!r} is not a subclass of semivideo.methods.Method")
    return found


def options_of(cls: type[Method]) -> Options:
    """What can be set of a method: the keywords of its constructor that are not given to it."""
    return Options.of(cls, given=GIVEN)


def network_roles(cls: type[Method]) -> list[str]:
    """Names of the networks a method takes: its positional parameters."""
    return [name for name in options_of(cls).given if name not in GIVEN]


def method_options(cls: type[Method], options: dict[str, Any]) -> dict[str, Any]:
    """Check the keys of the section ``method`` against the constructor, and add the defaults.

    Raises:
        ConfigError: An unknown key or a value out of range.
    """
    return options_of(cls).checked(options, owner="[method]", section="method")


def described_options(name: str) -> list[Option]:
    """List what can be set of a method, network or section of the settings, one key a row.

    Args:
        name: As in the settings ``method.name`` or ``networks.primary.name``, or ``engine`` etc.

    Raises:
        ConfigError: There is nothing of that name.
    """
    tables = {**METHODS, **CLASSIFIERS}
    if name in tables:
        return options_of(tables[name]).rows()
    sections = {key: _section(field.annotation) for key, field in Settings.model_fields.items()}
    if name in sections and name != "method":
        section = Option(name, sections[name], REQUIRED, "")
        return Options({name: section}, (), {}, False).rows()
    known = [*tables, *models.NETWORKS, *models.FOREIGN, *sections]
    if name not in known and ":" not in name:
        raise ConfigError(
            f"no method, network or section {name!r}{nearest(name, known)}; "
            "`semivideo methods` lists them"
        )
    return models.options_of(name).rows()


def _section(annotation: Any) -> Any:
    """The class of a section that may be left out."""
    return next((each for each in typing.get_args(annotation) if each is not None), annotation)


def auxiliary_of(primary: NetworkSettings) -> NetworkSettings:
    """CMPL's auxiliary network: the primary's twin at a quarter of the width, twice the frame rate.

    Raises:
        ConfigError: The primary has no width or its stride cannot be halved; the auxiliary must
            then be written out.
    """
    if "width" not in models.options_of(primary.name).settable:
        raise ConfigError(
            f"networks.auxiliary is not set, and {primary.name} has no option 'width' to make a "
            "lighter twin of it; set networks.auxiliary.name, num_frames and stride_frames"
        )
    if primary.stride_frames % 2:
        raise ConfigError(
            f"networks.primary.stride_frames = {primary.stride_frames} cannot be halved for the "
            "auxiliary network; set it to an even number or set networks.auxiliary"
        )
    return primary.model_copy(
        update={
            "num_frames": primary.num_frames * 2,
            "stride_frames": primary.stride_frames // 2,
            "options": {**primary.options, "width": primary.options.get("width", 1.0) / 4},
            "weights": None,
            "origin": None,
        }
    )


def network_settings(settings: Settings, cls: type[Method]) -> dict[str, NetworkSettings]:
    """Settings of each network the method takes, by role, the deployed one first."""
    primary = settings.networks.primary
    found = {"primary": primary}
    if "auxiliary" in network_roles(cls):
        found["auxiliary"] = settings.networks.auxiliary or auxiliary_of(primary)
    if "temporal" in network_roles(cls):
        found["temporal"] = settings.networks.temporal or primary
    return found


def clip_spec(network: NetworkSettings) -> ClipSpec:
    """The clips a network sees."""
    return ClipSpec(
        network.num_frames, network.stride_frames, network.offset_seconds, network.modality
    )


def build_method(
    settings: Settings, *, num_classes: int, views: FeatureViews | None = None
) -> Method:
    """Build the networks, the views and the method.

    Args:
        settings: All of it; the seed of initial weights is the caller's.
        num_classes: K >= 2.
        views: Cached views in the place of those of pixels, or None.

    Raises:
        ConfigError: Any name, key or value that does not exist or fit, or a method whose first
            stream is not what the settings say of the deployed network.
    """
    cls = method_class(settings.method.name)
    options = method_options(cls, settings.method.options)
    wanted = network_settings(settings, cls)
    if issubclass(cls, ClosedForm) and (head := wanted["primary"].name) != cls.head:
        raise ConfigError(
            f"method {settings.method.name!r} fills a head {cls.head!r}, not {head!r}; leave out "
            "networks.primary.name"
        )
    networks = {
        role: models.create(network.name, num_classes, **network.options)
        for role, network in wanted.items()
    }
    for role, built in networks.items():
        _begin_with_weights(built, wanted[role], owner=f"networks.{role}")
        _check_clip(settings, built, num_frames=wanted[role].num_frames, role=role)
        tune(built, wanted[role], owner=f"networks.{role}")
    _check_accumulation(settings, cls)
    clips = {role: clip_spec(network) for role, network in wanted.items()}
    made: Any = Views(settings.views) if views is None else views
    method = cls(*networks.values(), views=made, clips=clips, **options)
    if views is not None:
        views.serve(method.clips)
    _check_first_stream(method, settings.method.name, modality=wanted["primary"].modality)
    return method


def _begin_with_weights(network: models.Network, wanted: NetworkSettings, *, owner: str) -> None:
    """Give a network the initial weights of its file, if it has one."""
    if wanted.weights is None:
        return
    report = load_pretrained(network, Path(wanted.weights))
    fresh = [name for name in report.missing if not name.endswith("num_batches_tracked")]
    if fresh:
        more = ", ..." if len(fresh) > SHOWN else ""
        raise CheckpointError(
            f"{owner}.weights = {wanted.weights} leaves {len(fresh)} weights of {wanted.name} as "
            f"they were drawn ({', '.join(fresh[:SHOWN])}{more}); take a file that has them all"
        )


def classes_of(settings: Settings, manifest: Manifest) -> list[str]:
    """Names of the classes that a network answers for, in the order of its logits."""
    if settings.data.multi_label:
        return classes_in(manifest.classes)
    return manifest.classes


def method_of(
    settings: Settings,
    manifest: Manifest,
    *,
    labels: Sequence[int] = (),
    views: FeatureViews | None = None,
) -> Method:
    """Build the method of a run, which knows what its classes are and how often each is labelled.

    Args:
        settings: Of the run.
        manifest: The videos.
        labels: Number of the label, among the manifest's, of each labelled video.
        views: As for ``build_method``.

    Raises:
        ConfigError: As ``build_method``; or there are no two classes, or the method cannot answer
            as the settings want.
    """
    classes = classes_of(settings, manifest)
    method = build_method(settings, num_classes=max(1, len(classes)), views=views)
    set_answer(method, settings, manifest, labels=labels)
    return method


def set_answer(
    method: Method, settings: Settings, manifest: Manifest, *, labels: Sequence[int]
) -> None:
    """Tell a method what its logits answer; as ``method_of``."""
    is_several, is_weighted = settings.data.multi_label, settings.engine.class_weights != "none"
    if not (is_several or is_weighted):
        return
    if is_several:
        _check_several(method, settings)
    elif not method.asks_answer:
        raise ConfigError(
            f"engine.class_weights counts in {', '.join(_answering())}, not in "
            f"{settings.method.name!r}; leave it out, or draw classes alike with "
            "data.balanced=true"
        )
    counts = torch.bincount(torch.tensor(labels, dtype=torch.int64), minlength=_num(manifest))
    if not is_several:
        method.answer = OneClass(weights_by_frequency(counts))
        return
    sets = torch.from_numpy(membership(manifest.classes, classes_of(settings, manifest)))
    of_class = (counts[:, None] * sets).sum(dim=0)
    weights = positive_weights_by_frequency(of_class, len(labels)) if is_weighted else None
    method.answer = SeveralClasses(sets, weights)
    for name, rule in list(method.named_children()):
        if isinstance(rule, FixedThreshold):
            setattr(method, name, PresenceThreshold(rule.threshold))


def _num(manifest: Manifest) -> int:
    return len(manifest.classes)


def _answering() -> list[str]:
    """Methods whose losses are those of their answer."""
    return [name for name, cls in METHODS.items() if cls.asks_answer]


def _check_several(method: Method, settings: Settings) -> None:
    """Refuse what has no meaning where several classes may be there at once."""
    name, engine = settings.method.name, settings.engine
    if not (method.asks_answer or getattr(method, "takes_several", False)):
        raise ConfigError(
            f"method {name!r} knows one class a video; for several at once take "
            f"{', '.join([*_answering(), 'probe'])}"
        )
    for setting in ("label_smoothing", "mixup", "cutmix"):
        if getattr(engine, setting):
            raise ConfigError(
                f"engine.{setting} is for one class a video and data.multi_label is on; leave it "
                "out"
            )
    options = settings.method.options
    only_fixed = options.get("thresholds", "fixed") == "fixed"
    if not only_fixed or options.get("temperature") is not None:
        raise ConfigError(
            f"method {name!r} with several classes at once has one threshold and hard labels; "
            "leave out method.thresholds and method.temperature"
        )
    if options.get("scheme", "cross") not in ("cross", "average"):
        raise ConfigError(
            f"method.scheme = {options['scheme']!r} compares the classes with each other; with "
            "several at once take cross or average"
        )


def _check_accumulation(settings: Settings, cls: type[Method]) -> None:
    """Refuse batches that cannot be computed in so many equal parts."""
    parts, data = settings.engine.accumulate, settings.data
    batches = {"labeled_batch": data.labeled_batch}
    if cls.uses_unlabeled:
        batches["unlabeled_batch"] = data.unlabeled_batch
    for name, size in batches.items():
        if size % parts:
            raise ConfigError(
                f"engine.accumulate = {parts} must divide data.{name} = {size}, so that all parts "
                f"weigh the same; set data.{name} to {parts * max(1, round(size / parts))} or "
                "engine.accumulate to a divisor"
            )


def _check_first_stream(method: Method, name: str, *, modality: Modality) -> None:
    """Refuse a method that deploys what it trained on another modality than testing reads."""
    stream, spec = next(iter(method.clips.items()))
    if spec.modality != modality:
        raise ConfigError(
            f"the first stream of {name}, {stream!r}, is {spec.modality}, and evaluation and "
            f"prediction give the deployed network networks.primary.modality = {modality}; set "
            f"networks.primary.modality={spec.modality}"
            + ("" if modality == "rgb" else ", or leave it out")
        )


def _check_clip(settings: Settings, network: models.Network, *, num_frames: int, role: str) -> None:
    """Refuse clips that a network cannot take; the primary one sees test crops as well."""
    sizes = {"views.crop_size": settings.views.crop_size}
    if role == "primary":
        sizes["evaluation.crop_size"] = crop_side(settings.evaluation, settings.views)
    for key, size in sizes.items():
        try:
            network.check_clip(num_frames=num_frames, size=size)
        except ConfigError as error:
            raise ConfigError(f"networks.{role} with {key} = {size}: {error}") from None


def build_streams(settings: Settings, *, manifest: Manifest, split: Split) -> Streams:
    """Turn a split into the rows that the method learns from.

    Args:
        settings: ``data.unlabeled_includes_labeled`` says who is in the unlabelled stream.
        manifest: The videos.
        split: Which of them may be used as what.
    """
    includes = settings.data.unlabeled_includes_labeled
    streams = Streams.of(manifest, split, unlabeled_includes_labeled=includes)
    uses_unlabeled = method_class(settings.method.name).uses_unlabeled
    return streams if uses_unlabeled else replace(streams, unlabeled=())


def build_card(
    settings: Settings,
    *,
    network: models.Network,
    classes: list[str],
    thresholds: list[float] | None = None,
) -> ModelCard:
    """Describe the deployed network: everything needed to run it on a new video.

    Args:
        settings: Of the run.
        network: The deployed one; it says which options rebuild it without other files.
        classes: Names in the order of the logits.
        thresholds: Of each class, where several may be there at once; None for 0.5.
    """
    primary = settings.networks.primary
    options = network.card_options(primary.options)
    return ModelCard(
        network=primary.model_copy(update={**PLAIN, "weights": None, "options": options}),
        classes=classes,
        # Who has the network may have no such GPU: each use of it names its own decoder.
        data=settings.data.model_copy(update={"decoder": "software"}),
        views=settings.views,
        evaluation=settings.evaluation,
        features=settings.features,
        thresholds=thresholds,
        method=settings.method.name,
        origins=settings.origins,
        weights_sha256="",
    )


def describe() -> list[tuple[str, str, str]]:
    """Kind, name and one line of everything that can be trained and set."""
    rows = [
        ("method", name, (cls.__doc__ or "").strip().partition("\n")[0])
        for name, cls in METHODS.items()
    ]
    rows += [
        ("on features", name, (cls.__doc__ or "").strip().partition("\n")[0])
        for name, cls in CLASSIFIERS.items()
    ]
    rows += [("network", name, line) for name, line in models.describe().items()]
    for name, field in Settings.model_fields.items():
        keys = getattr(field.annotation, "model_fields", {})
        rows.append(("settings", name, f"{field.description} Keys: {', '.join(keys)}"))
    return rows
