"""From a recipe, a method's name and single keys to complete, checked settings."""

from __future__ import annotations

from typing import Any

from semivideo.base.errors import ConfigError, nearest
from semivideo.methods import Method
from semivideo.recipes import RECIPES
from semivideo.run import build
from semivideo.settings import MethodSettings, Settings


def resolve_settings(
    *,
    recipe: str | None,
    method: str | type[Method] | None,
    steps: int | None,
    seed: int | None,
    settings: dict[str, Any] | Settings | None,
) -> Settings:
    """Put recipe, options and single keys together, later ones winning, and check the names.

    Raises:
        ConfigError: A name, key or value that does not exist or is not allowed.
    """
    if recipe is not None and recipe not in RECIPES:
        raise ConfigError(
            f"no recipe {recipe!r}{nearest(recipe, RECIPES)}; `semivideo recipes` lists them"
        )
    found = settings if isinstance(settings, Settings) else Settings()
    if recipe is not None:
        found = RECIPES[recipe].settings()
    changes: dict[str, Any] = {}
    if method is not None:
        name = method if isinstance(method, str) else f"{method.__module__}:{method.__qualname__}"
        if name != found.method.name:  # the options of another method would not fit
            found = found.model_copy(update={"method": MethodSettings(name=name)})
    if steps is not None:
        changes["engine.steps"] = steps
    if seed is not None:
        changes["engine.seed"] = seed
    if isinstance(settings, dict):
        changes |= settings
    found = found.updated(changes)
    build.build_method(found, num_classes=2)  # every name and option is checked before any work
    return found
