"""The methods, one page each; the table is all it takes to add one."""

from semivideo.methods.actorcutmix import ActorCutMix
from semivideo.methods.base import Method, Passes, jointly
from semivideo.methods.cmpl import CMPL
from semivideo.methods.fixmatch import FixMatch
from semivideo.methods.ltg import LTG
from semivideo.methods.mean_teacher import MeanTeacher
from semivideo.methods.mvpl import MvPL
from semivideo.methods.pseudo_label import PseudoLabel
from semivideo.methods.s4l import S4L
from semivideo.methods.supervised import Supervised
from semivideo.methods.svformer import SVFormer
from semivideo.methods.taught.text_teacher import TextTeacher
from semivideo.methods.taught.timebalance import TimeBalance
from semivideo.methods.taught.votes import Votes
from semivideo.methods.tcl import TCL
from semivideo.methods.ups import UPS
from semivideo.methods.videossl import VideoSSL

METHODS: dict[str, type[Method]] = {
    "supervised": Supervised,
    "pseudo_label": PseudoLabel,
    "mean_teacher": MeanTeacher,
    "s4l": S4L,
    "ups": UPS,
    "videossl": VideoSSL,
    "tcl": TCL,
    "fixmatch": FixMatch,
    "actorcutmix": ActorCutMix,
    "mvpl": MvPL,
    "cmpl": CMPL,
    "ltg": LTG,
    "svformer": SVFormer,
    "votes": Votes,
    "timebalance": TimeBalance,
    "text_teacher": TextTeacher,
}

__all__ = [
    "CMPL",
    "LTG",
    "METHODS",
    "S4L",
    "TCL",
    "UPS",
    "ActorCutMix",
    "FixMatch",
    "MeanTeacher",
    "Method",
    "MvPL",
    "Passes",
    "PseudoLabel",
    "SVFormer",
    "Supervised",
    "TextTeacher",
    "TimeBalance",
    "VideoSSL",
    "Votes",
    "jointly",
]
