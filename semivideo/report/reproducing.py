"""The commands that make a run again: its recipe and what differs from it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from semivideo.analysis.groups import Trained, flat_settings
from semivideo.base.errors import SemiVideoError
from semivideo.recipes import RECIPES
from semivideo.run.feature_runs import with_features

_MOST = 16
"""Settings that a command names; more of them are better read from the file."""


def commands_of(trained: Trained) -> list[str]:
    """Return commands that can be pasted into a shell.

    Args:
        trained: The run.
    """
    run = trained.run.path
    manifest, split = trained.run.manifest_file, trained.run.split_file
    again = f"{run}-again"
    videos: str | Path = trained.manifest.features or manifest
    recipe, changes = _nearest_recipe(trained)
    if recipe is None or len(changes) > _MOST:
        settings = trained.run.settings_file
        code = (
            "import yaml, semivideo; from semivideo.settings import Settings; "
            f"settings = Settings.from_mapping(yaml.safe_load(open({str(settings)!r}))); "
            f"semivideo.train({str(videos)!r}, split={str(split)!r}, settings=settings, "
            f"out={again!r})"
        )
        train = shlex.join(["python", "-c", code])
    else:
        sets = [word for pair in changes for word in ("--set", pair)]
        words = ["semivideo", "train", str(videos), "--split", str(split), "--recipe", recipe]
        train = shlex.join([*words, *sets, "--out", again])
    commands = [train]
    if trained.split.test:
        commands.append(shlex.join(["semivideo", "evaluate", again]))
    commands.append(shlex.join(["semivideo", "report", again, "--out", f"{again}.html"]))
    return commands


def _nearest_recipe(trained: Trained) -> tuple[str | None, list[str]]:
    """The recipe of the method that needs fewest changes, and these as ``key=value``."""
    own = flat_settings(trained)
    best: tuple[str | None, list[str]] = (None, [])
    for name, recipe in RECIPES.items():
        if recipe.method != trained.settings.method.name:
            continue
        try:
            settings = with_features(recipe.settings(), trained.manifest)
        except (SemiVideoError, OSError):
            continue  # of pixels where the run has features, or the other way round
        theirs = flat_settings(Trained(trained.run, settings, trained.split, trained.manifest))
        changes = [
            f"{key}={json.dumps(own.get(key))}"
            for key in sorted(own.keys() | theirs.keys())
            if own.get(key) != theirs.get(key)
        ]
        if best[0] is None or len(changes) < len(best[1]):
            best = (name, changes)
    return best
