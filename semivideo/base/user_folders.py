"""Where a user's settings and copies live, by the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path


def user_config() -> Path:
    """Return the folder of what the user has told the program and wants to keep."""
    return _home("XDG_CONFIG_HOME", ".config")


def user_cache() -> Path:
    """Return the folder of what can be made or fetched again."""
    return _home("XDG_CACHE_HOME", ".cache")


def _home(variable: str, usual: str) -> Path:
    home = os.environ.get(variable)
    return (Path(home) if home else Path.home() / usual) / "semivideo"
