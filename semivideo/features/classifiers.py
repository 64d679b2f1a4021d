"""The classifiers that are computed from features at once; the table is all it takes to add one."""

from semivideo.features.closed_form import ClosedForm
from semivideo.features.nearest import KNN
from semivideo.features.propagation import Propagate
from semivideo.features.regression import Probe
from semivideo.features.within import WCCN

CLASSIFIERS: dict[str, type[ClosedForm]] = {
    "probe": Probe,
    "knn": KNN,
    "propagate": Propagate,
    "wccn": WCCN,
}
