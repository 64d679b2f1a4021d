"""The pass over the videos: resumable, shared, checked, and equal to a computation by hand."""

import json
import shutil

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.decode import read_frames
from semivideo.encoders.encoder import Origin
from semivideo.features import extract as module
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import MANIFEST, FeatureForm, check_features_folder
from semivideo.features.video_views import VideoViews


def content(folder):
    return {p.name: p.read_bytes() for p in (folder / "shards").iterdir()}


def test_extract__view_0_is_the_encoder_on_the_middle_of_each_part(cache, manifest, grey):
    row = 3
    video = manifest[row]
    num = video.num_frames
    middle = [int((part + 0.5) * num / 3) for part in range(3)]
    frames = read_frames(manifest.absolute(row), middle, frames=video.frames, short_side=18)
    height, width = frames.shape[1:3]
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(frames).permute(0, 3, 1, 2).float(),
        size=(16, round(width * 16 / height)),
        mode="bilinear",
        antialias=False,
    )
    left = (resized.shape[-1] - 16) // 2
    clip = (resized[..., left : left + 16] / 255 - 0.5) / 0.25
    expected = grey.encode(clip.transpose(0, 1)[None])[0].numpy()
    found = cache.rows(np.array([row]))[0, 0]
    np.testing.assert_allclose(found, expected, atol=0.1)  # resampled by another filter


def test_extract__view_1_is_the_mirror_of_view_0(cache):
    features = cache.rows(np.arange(6)).astype(np.float32)
    np.testing.assert_allclose(features[:, 0, :, :3], features[:, 1, :, :3], atol=2e-3)
    assert not np.allclose(features[:, 0, :, 3], features[:, 1, :, 3], atol=2e-3)
    assert not np.allclose(features[:, 0], features[:, 2], atol=2e-3)


def test_extract__where_flips_are_not_allowed_view_1_is_a_strong_one(manifest, grey, tmp_path):
    made = extract(manifest, tmp_path / "f", encoder=grey, wanted=Wanted(2, 3, flip=False))
    features = made.rows(np.arange(6)).astype(np.float32)
    assert not np.allclose(features[:, 0, :, :3], features[:, 1, :, :3], atol=2e-3)


def test_extract__killed_and_resumed_equals_the_unbroken_pass(
    manifest, grey, cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "videos_per_shard", lambda **_: 2)
    whole = extract(manifest, tmp_path / "whole", encoder=grey, wanted=Wanted(4, 3))

    def stop(what, done, total, extra):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(manifest, tmp_path / "b", encoder=grey, wanted=Wanted(4, 3), progress=stop)
    with pytest.raises(DataError, match="is not finished: 2 of its 3 files are missing"):
        FeatureCache.open(tmp_path / "b")
    told = []
    resumed = extract(
        manifest, tmp_path / "b", encoder=grey, progress=lambda *what: told.append(what[1:3])
    )
    assert told == [(2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]
    assert content(resumed.folder) == content(whole.folder)
    rows = np.array([5, 0, 3])
    assert np.array_equal(whole.rows(rows), cache.rows(rows))


def test_extract__never_among_other_files(manifest, grey, tmp_path):
    (tmp_path / "settings.yaml").touch()
    (tmp_path / "manifest.parquet").write_bytes(b"of a run")
    sentence = r"exists and is neither empty nor a folder of features; choose another out$"
    with pytest.raises(ConfigError, match=sentence):
        extract(manifest, tmp_path, encoder=grey, wanted=Wanted(4, 3))
    assert {each.name for each in tmp_path.iterdir() if each.name[0] != "."} == {
        *("settings.yaml", "manifest.parquet")
    }
    assert (tmp_path / "manifest.parquet").read_bytes() == b"of a run"


def test_check_features_folder__takes_what_is_there_before_the_form(tmp_path):
    """Another process may have begun, and several encoders lie in folders of their own."""
    (tmp_path / "f" / "shards").mkdir(parents=True)
    (tmp_path / "f" / "codebook.safetensors").touch()
    check_features_folder(tmp_path / "f")
    check_features_folder(tmp_path, parts=["f"])
    with pytest.raises(ConfigError, match="is neither empty nor a folder of features"):
        check_features_folder(tmp_path)


def test_extract__processes_share_the_files(manifest, grey, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "videos_per_shard", lambda **_: 2)
    for rank in range(2):
        made = extract(manifest, tmp_path / "f", encoder=grey, wanted=Wanted(4, 3), part=(rank, 2))
    whole = extract(manifest, tmp_path / "whole", encoder=grey, wanted=Wanted(4, 3))
    assert content(made.folder) == content(whole.folder)


def test_extract__verify_finds_and_mends_a_flipped_byte(cache, manifest, grey):
    before = content(cache.folder)
    path = cache.folder / "shards" / "00000.npy"
    broken = bytearray(path.read_bytes())
    broken[-5] ^= 1
    path.write_bytes(broken)
    assert cache.damaged() == [0]
    extract(manifest, cache.folder, encoder=grey, verify=True)
    assert content(cache.folder) == before


def test_extract__a_video_that_cannot_be_read_is_a_reason(manifest, grey, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(manifest.absolute(0).read_bytes())
    (folder / "b.mp4").write_bytes(b"no video")
    made = extract(scan(folder), tmp_path / "f", encoder=grey, wanted=Wanted(1, 2))
    assert list(made.errors) == [1]
    assert not made.rows(np.array([1])).any()


def test_extract__refuses_what_does_not_fit(cache, manifest, grey, tmp_path):
    with pytest.raises(ConfigError, match="was begun with views=4; leave out views=2 to go on"):
        extract(manifest, cache.folder, encoder=grey, wanted=Wanted(2, 3))
    fewer = Manifest(manifest.table.slice(0, 3), root=manifest.root)
    with pytest.raises(DataError, match="holds features of other videos; choose another folder"):
        extract(fewer, cache.folder, encoder=grey)
    grey.origin = Origin("nowhere", "cd" * 32, "nothing", "image weights", "none")
    with pytest.raises(ConfigError, match="holds features of weights abababababab, and this is"):
        extract(manifest, cache.folder, encoder=grey)


def test_form__says_what_is_wrong_with_an_edited_file(cache):
    file = cache.folder / "features.json"
    for text, sentence in (
        ("[]", r"features.json: the content must be keys with values, got \[\]"),
        ("{", "cannot read"),
        (file.read_text().replace('"num_views": 4', '"num_views": -1'), "num_views = -1 is not"),
        (file.read_text().replace('"version": 1', '"version": 7'), "is of version 7, this is 1"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=sentence):
            FeatureForm.read(cache.folder)


def test_manifest__of_a_feature_cache_remembers_it(cache):
    assert Manifest.read(cache.folder / MANIFEST).features == str(cache.folder)


def test_extract__several_modalities_are_those_of_passes_of_their_own(manifest, grey, tmp_path):
    both = ("rgb", "temporal-gradient")
    made = extract(manifest, tmp_path / "b", encoder=grey, wanted=Wanted(3, 2, modalities=both))
    alone = extract(manifest, tmp_path / "a", encoder=grey, wanted=Wanted(3, 2))
    rows = np.arange(6)
    assert made.form.shape_of(0) == (6, 6, 2, 4)
    assert np.array_equal(made.rows(rows)[:, made.form.views_of("rgb")], alone.rows(rows))
    motion = made.rows(rows)[:, made.form.views_of("temporal-gradient")]
    assert not np.array_equal(motion, alone.rows(rows))


def gradient_views(manifest, cache):
    form = cache.form.model_copy(update={"modalities": ("rgb", "temporal-gradient")})
    return VideoViews(manifest, form, device=torch.device("cpu"))


def test_views__a_gradient_is_four_times_the_difference_to_the_next_frame(manifest, cache):
    views = gradient_views(manifest, cache)
    levels = torch.arange(18 * 24).reshape(18, 24) % 7
    first, then = (x.to(torch.uint8).expand(3, 3, -1, -1) for x in (100 + levels, 120 - 2 * levels))
    pairs = torch.cat([first, then], dim=1).numpy()

    def made(rgb):
        shown = {"rgb": rgb.numpy(), "temporal-gradient": pairs}
        return views.clips(3, {f"{name} {n}": shown[name] for name in shown for n in range(4)})

    expected = 4 * (made(first)[0] - made(then)[0])  # of mean 127.5 alike
    torch.testing.assert_close(made(first)[4], expected.clamp(-2, 2), atol=1e-3, rtol=0)
    assert expected.min() < -1


def test_views__show_each_frame_and_its_next(manifest, cache):
    found = gradient_views(manifest, cache).read(3)
    frames, pairs = found["rgb 0"], found["temporal-gradient 0"]
    assert np.array_equal(pairs[:, :3], frames)
    assert not np.array_equal(pairs[:, 3:], frames)


def test_extract__turned_views_are_view_0_in_quarter_turns(manifest, grey, tmp_path):
    made = extract(manifest, tmp_path / "f", encoder=grey, wanted=Wanted(2, 3, rotations=True))
    features = made.rows(np.arange(6)).astype(np.float32)
    assert features.shape[1] == 2 + 3
    for turned in range(2, 5):
        np.testing.assert_allclose(features[:, turned, :, :3], features[:, 0, :, :3], atol=2e-3)
    # Half a turn shows the right half where the left one was, as the mirror does, upside down.
    np.testing.assert_allclose(features[:, 3, :, 3], features[:, 1, :, 3], atol=2e-3)


def test_extract__shares_the_threads_of_torch_and_gives_them_back(manifest, grey, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        made = extract(manifest, tmp_path / "f", encoder=grey, wanted=Wanted(4, 3))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    alone = extract(manifest, tmp_path / "g", encoder=grey, wanted=Wanted(4, 3))
    assert np.array_equal(made.rows(np.arange(6)), alone.rows(np.arange(6)))


def test_open__counts_files_and_not_what_a_form_asks_for(cache, manifest, grey, tmp_path):
    folder = shutil.copytree(cache.folder, tmp_path / "f")
    form = json.loads((folder / "features.json").read_text())
    form |= {"num_videos": 100_000_000, "videos_per_shard": 1}
    (folder / "features.json").write_text(json.dumps(form))
    with pytest.raises(DataError, match=r"not finished: 100000000 of its 100000000 files are miss"):
        FeatureCache.open(folder)
    with pytest.raises(DataError, match="holds features of other videos; choose another folder"):
        extract(manifest, folder, encoder=grey)
