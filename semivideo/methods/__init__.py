"""The methods, one page each; the table is all it takes to add one."""

from semivideo.methods.base import Method, jointly
from semivideo.methods.cmpl import CMPL
from semivideo.methods.fixmatch import FixMatch
from semivideo.methods.supervised import Supervised

METHODS: dict[str, type[Method]] = {
    "supervised": Supervised,
    "fixmatch": FixMatch,
    "cmpl": CMPL,
}

__all__ = ["CMPL", "METHODS", "FixMatch", "Method", "Supervised", "jointly"]
