"""From videos to a split: drawn, read off published lists, or what the user labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semivideo.base.errors import ConfigError, option
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split, check_split, draw_split, practical_split, tell_unlearned
from semivideo.data.splits.published import listed_split, published
from semivideo.run.videos import Videos, as_manifest


def split(
    videos: Videos,
    *,
    labels_per_class: int | None = None,
    labeled_fraction: float | None = None,
    seed: int = 0,
    test_groups: Sequence[str] = (),
    test_fraction: float | None = None,
    allow_fewer: bool = False,
    protocol: str | None = None,
    lists: str | Path | None = None,
    allow_missing: bool = False,
    out: str | Path | None = None,
) -> Split:
    """Draw which labels the learner may see and which videos are held out, or read it off lists.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        labels_per_class: Labelled videos of each class, >= 1; this or ``labeled_fraction``.
        labeled_fraction: Share of the training videos that is labelled, in (0, 1].
        seed: Of the drawing, >= 0.
        test_groups: Groups held out for testing.
        test_fraction: Share of the videos held out, in (0, 1), whole groups at a time.
        allow_fewer: Take all of a class that has fewer than ``labels_per_class``.
        protocol: A name of ``data.splits.published.PROTOCOLS`` instead of all above but the seed.
        lists: Folder of the protocol's lists.
        allow_missing: Leave out videos of the lists that are not there.
        out: Where to write the split (JSON); a file with another content is never replaced.

    Raises:
        SplitError: The videos do not allow what is asked for.
    """
    if (protocol is None) != (lists is None):
        missing = option("lists" if lists is None else "protocol")
        pair = f"{option('protocol')} and {option('lists')}"
        raise ConfigError(f"{pair} go together, and {missing} is not given")
    manifest = as_manifest(videos)
    if protocol is not None and lists is not None:
        if labels_per_class or labeled_fraction or test_groups or test_fraction:
            raise ConfigError(
                f"protocol {protocol!r} says which videos are labelled and which are for testing; "
                f"leave out {option('labels_per_class')}, {option('labeled_fraction')}, "
                f"{option('test_groups')} and {option('test_fraction')}"
            )
        listed = published(protocol, lists=Path(lists), seed=seed)
        drawn = listed_split(manifest, listed, allow_missing=allow_missing)
    else:
        drawn = draw_split(
            manifest,
            labels_per_class=labels_per_class,
            labeled_fraction=labeled_fraction,
            seed=seed,
            test_groups=test_groups,
            test_fraction=test_fraction,
            allow_fewer=allow_fewer,
        )
    tell_unlearned(manifest, drawn)
    if out is not None:
        drawn.write(Path(out))
    return drawn


def chosen_split(
    manifest: Manifest, given: str | Path | Split | None, labels_per_class: int | None, seed: int
) -> Split:
    """Return the split that ``train`` is asked for; classes that it leaves out are told."""
    if labels_per_class is not None:
        found = draw_split(manifest, labels_per_class=labels_per_class, seed=seed)
    elif given is None:
        found = practical_split(manifest)
    else:
        found = given if isinstance(given, Split) else Split.read(Path(given))
        check_split(found, manifest)
    tell_unlearned(manifest, found)
    return found
