import numpy as np
import pytest
import torch

from semivideo.base.records import LabeledClips, Mix
from semivideo.settings import EngineSettings
from semivideo.transforms.labeled_mix import clipped_box, drawn_mix, mixed, with_soft_labels

K = 4


def clips(num=3):
    return LabeledClips(
        frames={"primary": torch.zeros(num, 2, 3, 8, 8, dtype=torch.uint8)},
        size=torch.full((num, 2), 8),
        video=torch.arange(num),
        draw=torch.tensor([30, 10, 20][:num]),
        label=torch.tensor([0, 1, 3][:num]),
    )


def soft(given=None, step=0, **settings):
    given = given or clips()
    return with_soft_labels(given, EngineSettings(**settings), num_classes=K, step=step)


def test_with_soft_labels__does_nothing_unless_asked():
    given = clips()
    assert soft(given) is given


def test_with_soft_labels__spreads_a_share_evenly():
    found = soft(label_smoothing=0.2)
    assert found.mix is None
    assert found.label[0].tolist() == pytest.approx([0.85, 0.05, 0.05, 0.05])


def test_with_soft_labels__mixes_each_label_with_the_next_by_key():
    found = soft(mixup=0.5)
    share = found.mix.share
    assert found.mix.partner.tolist() == [1, 2, 0]  # keys 10, 20, 30 in a circle
    assert found.label[0].tolist() == pytest.approx([share, 1 - share, 0, 0])
    assert found.label[1].tolist() == pytest.approx([0, share, 0, 1 - share])


def test_drawn_mix__is_a_function_of_seed_and_step():
    draw, settings = clips().draw, EngineSettings(mixup=0.4, cutmix=1.0)
    shares = [drawn_mix(draw, settings, step=step).share for step in range(40)]
    assert shares == [drawn_mix(draw, settings, step=step).share for step in range(40)]
    assert len(set(shares)) == 40
    assert all(0 <= share <= 1 for share in shares)
    kinds = {drawn_mix(draw, settings, step=step).box is None for step in range(40)}
    assert kinds == {True, False}
    assert drawn_mix(draw, EngineSettings(), step=0) is None


def test_drawn_mix__of_one_clip_leaves_it_as_it_is():
    found = soft(clips(1), mixup=1.0)
    assert found.label.tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_mixed__blends_pixels_by_the_share():
    views = torch.tensor([0.0, 1.0, 5.0]).view(3, 1, 1, 1, 1).expand(3, 2, 2, 4, 4)
    found = mixed(views, Mix(torch.tensor([1, 2, 0]), share=0.75))
    assert found[:, 0, 0, 0, 0].tolist() == pytest.approx([0.25, 2.0, 3.75])


def test_mixed__pastes_one_box_in_all_frames():
    views = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 3, 5, 8, 8)
    mix = Mix(torch.tensor([1, 0]), share=0.75, box=(0.0, 0.5, 0.5, 0.5))
    found = mixed(views, mix)
    assert found[0, 0, 0].tolist() == [[0] * 4 + [1] * 4] * 4 + [[0] * 8] * 4
    assert (found[0] == found[0, :1, :1]).all()
    assert found[0].mean().item() == 1 - mix.share
    assert views[0].max() == 0  # what was given stays


def test_clipped_box__is_cut_off_at_the_border():
    assert clipped_box(np.array([0.5, 0.5]), area=0.25) == pytest.approx((0.25, 0.25, 0.5, 0.5))
    assert clipped_box(np.array([0.0, 0.9]), area=0.25) == pytest.approx((0.0, 0.65, 0.25, 0.35))
    assert clipped_box(np.array([0.3, 0.9]), area=1.0) == pytest.approx((0.0, 0.4, 0.8, 0.6))
