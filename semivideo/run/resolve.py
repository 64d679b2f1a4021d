"""From a recipe, a method's name and single keys to complete, checked settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from semivideo.base.errors import ConfigError, nearest
from semivideo.base.foreign_code import modules_of
from semivideo.encoders.initial import with_weights
from semivideo.features.classifiers import CLASSIFIERS
from semivideo.methods import Method
from semivideo.recipes import RECIPES
from semivideo.run import build
from semivideo.settings import EngineSettings, MethodSettings, Settings


@dataclass(frozen=True)
class Wanted:
    """What the user named of a training; None is not named.

    Attributes:
        recipe: Name in ``RECIPES``.
        method: Name, ``module:Class`` or class.
        steps: Iterations.
        seed: Of everything random.
        settings: Dotted keys, or whole settings.
    """

    recipe: str | None = None
    method: str | type[Method] | None = None
    steps: int | None = None
    seed: int | None = None
    settings: dict[str, Any] | Settings | None = None

    @property
    def is_open(self) -> bool:
        """Whether the size of the training is left to the program."""
        if self.recipe is not None or isinstance(self.settings, Settings):
            return False
        keys = self.settings or {}
        return not any(key.startswith("networks.") and key.endswith(".name") for key in keys)

    @property
    def is_undecided(self) -> bool:
        """Whether the program chooses what is trained: nothing of recipe or method is named."""
        keys = self.settings if isinstance(self.settings, dict) else {}
        is_of_one = any(key.startswith(("networks.", "method.")) for key in keys)
        return self.is_open and self.method is None and not is_of_one

    @property
    def method_name(self) -> str | type[Method] | None:
        """The method, by whichever way it was named."""
        keys = self.settings if isinstance(self.settings, dict) else {}
        return self.method or keys.get("method.name")

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of the user's own that he names, which may be imported."""
        given = self.settings
        names: Any = given.to_mapping() if isinstance(given, Settings) else given or {}
        method = self.method if isinstance(self.method, str) else ""
        own = set() if isinstance(self.method, str | None) else {self.method.__module__}
        return tuple(sorted(modules_of([names, method]) | own))

    def resolved(self, recipe: str | None = None, *, method: str | None = None) -> Settings:
        """Return complete settings.

        Args:
            recipe: Where to start if none was named; None for the published size.
            method: To take if none was named.

        Raises:
            ConfigError: A name, key or value that does not exist or is not allowed.
        """
        if self.method_name in CLASSIFIERS:
            recipe = f"features-{self.method_name}"
        return resolve_settings(
            recipe=self.recipe or recipe,
            method=self.method_name or method,
            steps=self.steps,
            seed=self.seed,
            settings=self.settings,
        )

    def check(self) -> None:
        """Refuse names, keys and values that are not allowed, before there is any video.

        Raises:
            ConfigError: As ``resolved``.
        """
        if not self.is_open:
            self.resolved()
            return
        try:
            self.resolved("small-cmpl")
        except ConfigError as error:
            try:  # the other method that may be chosen
                self.resolved("small-supervised", method="supervised")
            except ConfigError:
                raise error from None


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
    found = with_weights(found.updated(changes))
    build.build_method(found, num_classes=2)  # every name and option is checked before any work
    return found


def number_of_steps(settings: Settings, *, num_labeled: int, num_unlabeled: int) -> int:
    """Iterations of the run: as set, or from epochs of the stream they count.

    Args:
        settings: ``engine.steps``, or ``engine.epochs`` of ``engine.epoch_of``.
        num_labeled: Labelled videos.
        num_unlabeled: Videos in the unlabelled stream; if there are none, epochs count labelled.
    """
    engine: EngineSettings = settings.engine
    if engine.steps is not None:
        return engine.steps
    if engine.epoch_of == "labeled" or num_unlabeled == 0:
        return max(1, math.ceil(engine.epochs * num_labeled / settings.data.labeled_batch))
    return max(1, math.ceil(engine.epochs * num_unlabeled / settings.data.unlabeled_batch))
