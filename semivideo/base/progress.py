"""How long jobs say how far they are."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int, str], None]
"""Called with what is going on, how much of it is done, out of how much, and a remark."""
