"""Local motion from videos to features: learned once, kept, resumed, shared, refused."""

import numpy as np
import pytest

from semivideo.base.errors import CheckpointError, ConfigError, DataError
from semivideo.base.jobs import ALONE
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.encoders.local_motion import CODEBOOK_FILE, Codebook, LocalMotion, describe
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.several import codebook_pass
from semivideo.features.several.codebook_pass import codebook_of, learned_motion
from semivideo.features.several.motion_views import PairReader


def content(folder):
    return {p.name: p.read_bytes() for p in (folder / "shards").iterdir()}


def test_features__are_the_views_of_described_videos(manifest, motion_folder):
    cache = FeatureCache.open(motion_folder)
    encoder = LocalMotion(Codebook.read(motion_folder / CODEBOOK_FILE))
    found = describe(PairReader(manifest).read(3))
    stored = cache.rows(np.array([3]))[0].astype(np.float32)
    assert stored.shape == (4, 1, 256)
    for view in (0, 1):
        wanted = encoder.weak(found, mirror=view == 1)
        np.testing.assert_allclose(stored[view], wanted, atol=1e-3)
    assert not np.allclose(stored[2], stored[3], atol=1e-3)
    form = cache.form
    assert (form.encoder, form.league, form.is_whole) == ("local_motion", "scratch", True)
    assert form.pretrained_on == "nothing: codebook of your own videos"


def test_learned__again_gives_the_same_features(manifest, motion_folder, tmp_path):
    encoder = learned_motion(manifest, tmp_path / "f", part=ALONE)
    again = extract(manifest, tmp_path / "f", encoder=encoder, wanted=Wanted(num_views=4))
    assert content(again.folder) == content(motion_folder)


def test_learned__a_stopped_pass_goes_on_with_its_codebook(manifest, motion_folder, tmp_path):
    def stop(what, done, total, extra):
        if done == 3:
            raise KeyboardInterrupt

    out = tmp_path / "f"
    with pytest.raises(KeyboardInterrupt):
        learned_motion(manifest, out, part=ALONE, progress=stop)
    assert not out.is_dir() or not list(out.glob("*.safetensors"))
    told = []
    encoder = learned_motion(
        manifest, out, part=ALONE, progress=lambda *what: told.append(what[:3])
    )
    assert told == [("codebook", n, 6) for n in range(1, 7)]
    with pytest.raises(KeyboardInterrupt):
        extract(manifest, out, encoder=encoder, wanted=Wanted(num_views=4), progress=stop)
    told.clear()
    resumed = learned_motion(
        manifest, out, part=ALONE, progress=lambda *what: told.append(what[:3])
    )
    assert not told  # it is read
    made = extract(manifest, out, encoder=resumed, wanted=Wanted(num_views=4))
    assert content(made.folder) == content(motion_folder)


def test_learned__of_other_videos_is_learned_anew(manifest, motion_folder, tmp_path):
    fewer = Manifest(manifest.table.slice(0, 3), root=manifest.root)
    learned_motion(fewer, tmp_path / "f", part=ALONE)
    found = learned_motion(manifest, tmp_path / "f", part=ALONE)
    assert found.origin.sha256 == codebook_of(motion_folder).sha256


def test_learned__other_processes_wait_for_the_first_one(manifest, tmp_path, monkeypatch):
    out = tmp_path / "f"

    def first_process(seconds):
        learned_motion(manifest, out, part=(0, 2))

    monkeypatch.setattr(codebook_pass.time, "sleep", first_process)
    found = learned_motion(manifest, out, part=(1, 2))
    assert found.origin.sha256 == Codebook.read(out / CODEBOOK_FILE).sha256
    for rank in range(2):
        encoder = learned_motion(manifest, out, part=(rank, 2))
        extract(manifest, out, encoder=encoder, wanted=Wanted(num_views=1), part=(rank, 2))
    FeatureCache.open(out)


def test_learned__a_video_that_cannot_be_read_is_a_reason(manifest, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(manifest.absolute(0).read_bytes())
    (folder / "b.mp4").write_bytes(b"no video")
    found = scan(folder)
    encoder = learned_motion(found, tmp_path / "f", part=ALONE)
    made = extract(found, tmp_path / "f", encoder=encoder, wanted=Wanted(num_views=2))
    assert list(made.errors) == [1]
    (folder / "a.mp4").unlink()
    with pytest.raises(DataError, match="learned from videos, and none can be read"):
        learned_motion(found, tmp_path / "g", part=ALONE)


def test_learned__refuses_a_codebook_that_is_not_that_of_the_features(
    manifest, motion_folder, cache, tmp_path
):
    with pytest.raises(ConfigError, match="holds features of the encoder grey, and this is local_"):
        learned_motion(manifest, cache.folder, part=ALONE)
    out = tmp_path / "f"
    out.mkdir()
    for name in ("features.json", CODEBOOK_FILE):
        (out / name).write_bytes((motion_folder / name).read_bytes())
    (out / CODEBOOK_FILE).write_bytes(Codebook.blank().content)
    with pytest.raises(CheckpointError, match="is not the codebook that the features in"):
        learned_motion(manifest, out, part=ALONE)
    (out / CODEBOOK_FILE).unlink()
    with pytest.raises(CheckpointError, match="there is no codebook"):
        learned_motion(manifest, out, part=ALONE)


def test_extract__motion_is_seen_in_upright_frames_alone(manifest, motion_folder, tmp_path):
    encoder = LocalMotion(codebook_of(motion_folder))
    for wanted in (Wanted(rotations=True), Wanted(modalities=("rgb", "flow"))):
        with pytest.raises(ConfigError, match="upright, and nothing else; leave out modality and"):
            extract(manifest, tmp_path / "f", encoder=encoder, wanted=wanted)
    with pytest.raises(ConfigError, match="local_motion takes 54 frames, not 8; leave out frames"):
        extract(manifest, tmp_path / "f", encoder=encoder, wanted=Wanted(num_frames=8))
