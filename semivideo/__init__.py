"""SemiVideo trains action recognisers from videos of which only a few are labelled.

Eight functions do it all: ``scan``, ``prepare``, ``extract_features``, ``split``, ``train``,
``evaluate``, ``predict``, ``load``. They are found on first use: importing the package is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semivideo.api import (
        evaluate,
        extract_features,
        load,
        predict,
        prepare,
        scan,
        split,
        train,
    )

__version__ = "0.2.0"
__all__ = [
    "__version__",
    "evaluate",
    "extract_features",
    "load",
    "predict",
    "prepare",
    "scan",
    "split",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import one of the functions."""
    if name in __all__:
        from semivideo import api

        return getattr(api, name)
    raise AttributeError(f"module 'semivideo' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Show the functions and nothing else."""
    return __all__
