"""Features of the motion of the six short videos of this folder's parent."""

import pytest

from semivideo.base.jobs import ALONE
from semivideo.encoders.local_motion import codebook as module
from semivideo.features.extract import Wanted, extract
from semivideo.features.several.codebook_pass import learned_motion


@pytest.fixture(scope="session", autouse=True)
def few_descriptors():
    """Codebooks are learned from few descriptors, to be quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LEARNED_FROM", 1000)
        yield


@pytest.fixture(scope="session")
def motion_folder(few_descriptors, manifest, tmp_path_factory):
    """Four views of each video; treat it as read-only."""
    out = tmp_path_factory.mktemp("motion") / "features"
    encoder = learned_motion(manifest, out, part=ALONE)
    extract(manifest, out, encoder=encoder, wanted=Wanted(num_views=4))
    return out
