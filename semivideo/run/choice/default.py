"""What ``train`` starts from where no recipe is named: this list, and nothing else, decides."""

from __future__ import annotations

from semivideo.recipes import RECIPES


def candidates(method: str | None, *, has_unlabeled: bool, has_gpu: bool) -> list[str | None]:
    """Recipes to start from, the best first; the last one is made to fit if it must be.

    Args:
        method: Name of the method if one was chosen.
        has_unlabeled: Whether there are videos without a label to learn from.
        has_gpu: Whether this machine has a device that is made for this.

    Returns:
        Names in ``RECIPES``; None for the published size.
    """
    name = method or ("cmpl" if has_unlabeled else "supervised")
    small = f"small-{name}" if f"small-{name}" in RECIPES else "small-cmpl"
    return [None, small] if has_gpu else [small]
