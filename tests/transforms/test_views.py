import itertools
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import Clips
from semivideo.settings import ViewSettings
from semivideo.transforms import OPERATIONS, ViewParameters, Views
from semivideo.transforms.views import Kind

KINDS: tuple[Kind, ...] = ("standard", "weak", "strong")
MIXED = list(itertools.islice(itertools.cycle([(64, 85), (80, 60), (70, 70), (61, 90)]), 24))
MakeClips = Callable[..., Clips]


@pytest.fixture
def views() -> Views:
    return Views(ViewSettings(crop_size=56))


def made(views: Views, kind: Kind, clips: Clips) -> torch.Tensor:
    view: torch.Tensor = getattr(views, kind)(clips, "primary")
    return view


def some(clips: Clips, index: list[int]) -> Clips:
    frames = {name: stream[index] for name, stream in clips.frames.items()}
    return Clips(frames, clips.size[index], clips.video[index], clips.draw[index])


def drawn_for(views: Views, kind: Kind, *, num_clips: int, stream: str = "s") -> ViewParameters:
    size, number = torch.tensor([[64, 85]] * num_clips), torch.arange(num_clips)
    return views.sample(kind, Clips({}, size, number, number * 7919), stream=stream)


@pytest.mark.parametrize("kind", KINDS)
def test_views__are_float_normalised_and_channels_last(
    kind: Kind, views: Views, clips_of: MakeClips
) -> None:
    view = made(views, kind, clips_of(MIXED))
    assert view.shape == (24, 3, 4, 56, 56)
    assert view.dtype == torch.float32
    assert view.is_contiguous(memory_format=torch.channels_last_3d)
    assert -0.45 / 0.225 - 1e-5 <= view.min() < -1
    assert 1 < view.max() <= 0.55 / 0.225 + 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_views__of_a_still_clip_are_still(kind: Kind, views: Views, clips_of: MakeClips) -> None:
    clips = clips_of(MIXED, num_frames=1)
    clips.frames["primary"] = clips.frames["primary"].expand(-1, 5, -1, -1, -1)
    view = made(views, kind, clips)
    assert torch.equal(view, view[:, :, :1].expand_as(view))


@pytest.mark.parametrize("kind", KINDS)
def test_views__of_a_batch_equal_those_of_its_clips(
    kind: Kind, views: Views, clips_of: MakeClips
) -> None:
    clips = clips_of(MIXED)
    alone = torch.cat([made(views, kind, some(clips, [i])) for i in range(len(clips))])
    torch.testing.assert_close(made(views, kind, clips), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_views__do_not_depend_on_how_frames_lie_in_memory(
    kind: Kind, views: Views, clips_of: MakeClips
) -> None:
    for sizes in (MIXED, [(64, 85)] * 4):
        clips, other = clips_of(sizes), clips_of(sizes)
        images = clips.frames["primary"].movedim(2, -1).contiguous()
        other.frames["primary"] = images.movedim(-1, 2)
        torch.testing.assert_close(
            made(views, kind, clips), made(views, kind, other), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("kind", KINDS)
def test_views__follow_a_permutation_of_the_clips(
    kind: Kind, views: Views, clips_of: MakeClips
) -> None:
    clips = clips_of(MIXED)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1)).tolist()
    permuted = made(views, kind, some(clips, order))
    torch.testing.assert_close(permuted, made(views, kind, clips)[order], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_views__replay_from_stored_parameters(
    kind: Kind, views: Views, clips_of: MakeClips
) -> None:
    clips = clips_of(MIXED)
    parameters = views.sample(kind, clips, stream="primary")
    stored = {f.name: getattr(parameters, f.name).tolist() for f in fields(parameters)}
    replayed = ViewParameters(**{name: np.array(value) for name, value in stored.items()})
    again = views.apply(clips.frames["primary"], replayed)
    assert torch.equal(again, made(views, kind, clips))


@pytest.mark.parametrize("kind", KINDS)
def test_views__never_see_the_padding(kind: Kind, views: Views, clips_of: MakeClips) -> None:
    clips, other = clips_of(MIXED), clips_of(MIXED)
    for clip, (height, width) in zip(other.frames["primary"], MIXED, strict=True):
        clip[..., height:, :] = 0
        clip[..., :, width:] = 0
    assert not torch.equal(clips.frames["primary"], other.frames["primary"])
    assert torch.equal(made(views, kind, clips), made(views, kind, other))


def test_views__draw_anew_for_another_key(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of(MIXED)
    again = replace(clips, draw=clips.draw + 1)
    assert not torch.equal(made(views, "standard", clips), made(views, "standard", again))
    assert torch.equal(made(views, "weak", clips), made(views, "weak", again))


def test_weak__is_the_centre_of_the_raw_pixels(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of([(64, 85)] * 3)
    raw = clips.frames["primary"][..., 4:60, 15:71].transpose(1, 2)
    expected = (raw / 255 - 0.45) / 0.225
    torch.testing.assert_close(made(views, "weak", clips), expected, rtol=0, atol=1e-5)


def test_strong__differs_from_weak_for_every_clip(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of(MIXED)
    difference = (made(views, "strong", clips) - made(views, "weak", clips)).abs()
    assert difference.amax(dim=(1, 2, 3, 4)).min() > 0.1


def test_streams__share_crop_and_flip_and_draw_randaugment_apart(views: Views) -> None:
    primary = drawn_for(views, "strong", num_clips=200, stream="primary")
    auxiliary = drawn_for(views, "strong", num_clips=200, stream="auxiliary")
    assert (primary.box == auxiliary.box).all()
    assert (primary.flip == auxiliary.flip).all()
    assert (primary.operation == auxiliary.operation).mean() < 0.15  # 1 of 14 by chance
    assert (primary.cutout == auxiliary.cutout).all(axis=1).mean() < 0.1


def test_flip__mirrors_half_of_the_clips_and_never_where_switched_off() -> None:
    on, off = Views(ViewSettings()), Views(ViewSettings(flip=False))
    for kind in ("standard", "strong"):
        assert abs(drawn_for(on, kind, num_clips=2000).flip.mean() - 0.5) < 0.04
        assert not drawn_for(off, kind, num_clips=2000).flip.any()
    assert not drawn_for(on, "weak", num_clips=2000).flip.any()


def test_flip__off_keeps_left_on_the_left(clips_of: MakeClips) -> None:
    views = Views(ViewSettings(crop_size=56, flip=False, randaugment_ops=0, cutout=0))
    clips = clips_of([(64, 85)] * 64)
    clips.frames["primary"] = torch.arange(85, dtype=torch.uint8).expand(64, 2, 3, 64, 85)
    for kind in KINDS:
        assert (made(views, kind, clips).diff(dim=-1) > 0).all(), kind


def test_weak__standard_is_a_random_crop_and_flip() -> None:
    parameters = drawn_for(Views(ViewSettings(weak="standard")), "weak", num_clips=100)
    assert len(np.unique(parameters.box, axis=0)) > 50
    assert 0 < parameters.flip.mean() < 1


def test_standard__resized_changes_the_aspect_ratio() -> None:
    box = drawn_for(Views(ViewSettings(standard="resized")), "standard", num_clips=100).box
    assert np.ptp(box[:, 3] / box[:, 2]) > 0.3


def test_standard_and_weak__have_no_operations_and_no_cutout(views: Views) -> None:
    for kind in ("standard", "weak"):
        parameters = drawn_for(views, kind, num_clips=10)
        assert parameters.operation.shape == (10, 0)
        assert not parameters.cutout[:, 2:].any()


def test_strong__of_imgaugs_pool_hides_a_square_of_given_size_where_cutout_was_drawn(
    clips_of: MakeClips,
) -> None:
    views = Views(ViewSettings(crop_size=50, cutout=0.0, randaugment_pool="imgaug"))
    p = views.sample("strong", clips_of([(60, 60)] * 400, num_frames=1), stream="primary")
    is_cutout = (p.operation == OPERATIONS.index("Cutout")).any(axis=1)
    assert 0.09 < is_cutout.mean() < 0.18  # 2 of 15 operations
    is_hidden = p.cutout[:, 2:].all(axis=1)
    assert not is_hidden[~is_cutout].any()
    assert p.cutout[is_cutout, 2:].max() == round(0.2 * 10 / 30 * 50)  # M = 10 by default


def test_strong__with_cutout_as_an_operation_hides_one_square_even_where_it_was_drawn_twice(
    clips_of: MakeClips,
) -> None:
    views = Views(ViewSettings(crop_size=60, cutout=0.0, randaugment_pool="fixmatch_cutout"))
    p = views.sample("strong", clips_of([(60, 60)] * 2000, num_frames=1), stream="primary")
    is_cutout = p.operation == OPERATIONS.index("Cutout")
    assert is_cutout.all(axis=1).any()
    is_drawn = is_cutout.any(axis=1)
    assert p.cutout[is_drawn, 2:].all(axis=1).all()
    assert not p.cutout[~is_drawn, 2:].any()
    assert p.cutout[:, 2:].max() == round(0.5 * 10 / 30 * 60)  # M = 10 by default


def test_apply__greys_the_cutout_square_and_nothing_else(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of([(64, 85)] * 2)
    parameters = drawn_for(views, "weak", num_clips=2)
    square = replace(parameters, cutout=np.array([[10, 20, 8, 12], [0, 0, 0, 0]]))
    plain = views.apply(clips.frames["primary"], parameters)
    cut = views.apply(clips.frames["primary"], square)
    grey = (128 / 255 - 0.45) / 0.225
    torch.testing.assert_close(cut[0, :, :, 10:18, 20:32], torch.full((3, 4, 8, 12), grey))
    plain[0, :, :, 10:18, 20:32] = grey
    torch.testing.assert_close(cut, plain, rtol=0, atol=1e-5)


def test_apply__moves_pixels_first_and_fills_with_grey(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of([(64, 85)])
    names = ["Brightness", "TranslateX"]
    parameters = replace(
        drawn_for(views, "weak", num_clips=1),
        operation=np.array([[OPERATIONS.index(name) for name in names]]),
        value=np.array([[0.5, 0.25]]),
    )
    view = views.apply(clips.frames["primary"], parameters) * 0.225 + 0.45
    raw = clips.frames["primary"][..., 4:60, 15:71].transpose(1, 2) / 255
    torch.testing.assert_close(view[..., :42], raw[..., 14:] * 0.5, rtol=0, atol=1e-4)
    torch.testing.assert_close(view[..., 42:], torch.full((1, 3, 4, 56, 14), 64 / 255))


@pytest.mark.parametrize(("height", "width"), [(64, 85), (85, 64)])
def test_test_crops__are_the_ends_and_the_middle_of_the_longer_side(
    height: int, width: int, views: Views, clips_of: MakeClips
) -> None:
    clips = clips_of([(height, width), (64, 64)])
    crops = views.test_crops(clips.frames["primary"], clips.size, num_crops=3, crop_size=64)
    assert crops.shape == (2, 3, 3, 4, 64, 64)
    raw = (clips.frames["primary"][0].transpose(0, 1) / 255 - 0.45) / 0.225
    for crop, start in zip(crops[0], (0, 11, 21), strict=True):
        axis = -1 if width > height else -2
        torch.testing.assert_close(crop, raw.narrow(axis, start, 64), rtol=0, atol=1e-3)
    one = views.test_crops(clips.frames["primary"], clips.size, num_crops=1, crop_size=64)
    torch.testing.assert_close(one[:, 0], crops[:, 1])


def test_test_crops__of_a_batch_equal_those_of_its_clips(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of(MIXED)
    frames, size = clips.frames["primary"], clips.size
    crops = views.test_crops(frames, size, num_crops=3, crop_size=48)
    alone = [
        views.test_crops(frames[i : i + 1], size[i : i + 1], num_crops=3, crop_size=48)
        for i in range(24)
    ]
    torch.testing.assert_close(crops, torch.cat(alone), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"jitter_scale": (1.4, 1.2)}, r"views\.jitter_scale must be .* got \(1\.4, 1\.2\)"),
        ({"jitter_scale": (0.9, 1.2)}, r"at least 1, got \(0\.9, 1\.2\)"),
        ({"resized_area": (0.0, 1.0)}, r"views\.resized_area .* in \(0, 1\], got \(0, 1\)"),
        ({"resized_ratio": (2.0, 1.0)}, r"views\.resized_ratio .* got \(2, 1\)"),
    ],
)
def test_views__refuse_settings_without_a_view(
    setting: dict[str, tuple[float, ...]], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Views(ViewSettings(**setting))  # type: ignore[arg-type]


def test_apply__refuses_frames_that_are_not_raw(views: Views, clips_of: MakeClips) -> None:
    clips = clips_of([(64, 85)])
    parameters = drawn_for(views, "weak", num_clips=1)
    with pytest.raises(
        DataError, match=r"need raw clips, uint8 \(1, T, 3, H, W\), got torch.float"
    ):
        views.apply(clips.frames["primary"].float(), parameters)
    with pytest.raises(DataError, match="pass the frames that the loader yields"):
        views.apply(clips.frames["primary"].repeat(2, 1, 1, 1, 1), parameters)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_views__crops_stray_from_the_center_as_far_as_allowed(shift) -> None:
    views = Views(ViewSettings(crop_size=32, jitter_scale=(1.0, 1.0), crop_shift=shift))
    size = torch.tensor([[32, 96]]).repeat(4000, 1)
    clips = Clips({}, size, video=torch.zeros(4000), draw=torch.arange(4000))
    left = views.sample("standard", clips, stream="primary").box[:, 1]
    assert abs(left - 32).max() == pytest.approx(32 * shift, abs=1)
