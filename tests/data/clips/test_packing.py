import pickle

import pytest
import torch

from semivideo.data.clips.packing import pack


def parts_of(*, num_clips: int) -> dict:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (num_clips, 2, 3, 5, 7), generator=generator).to(torch.uint8)
    return {
        "labeled": {"frames": {"primary": frames}, "video": torch.arange(num_clips) << 40},
        "unlabeled": {},
        "share": torch.rand(3, generator=generator),
        "step": 7,
        "skipped": {3: "cannot be read"},
    }


def assert_equal(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, dict):
            assert_equal(found[name], value)
        elif isinstance(value, torch.Tensor):
            assert found[name].dtype == value.dtype
            assert torch.equal(found[name], value)
        else:
            assert found[name] == value


@pytest.mark.parametrize("num_clips", [0, 1, 3])
def test_pack__unpacks_to_what_it_was_given(num_clips: int) -> None:
    parts = parts_of(num_clips=num_clips)
    assert_equal(pickle.loads(pickle.dumps(pack(parts))).unpack(), parts)


def test_pack__puts_all_tensors_into_one_piece_of_memory() -> None:
    unpacked = pack(parts_of(num_clips=3)).unpack()
    tensors = [unpacked["labeled"]["frames"]["primary"], unpacked["labeled"]["video"]]
    tensors.append(unpacked["share"])
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 1


def test_pack__keeps_the_order_of_levels_in_memory() -> None:
    images = torch.arange(2 * 5 * 7 * 3, dtype=torch.uint8).view(2, 5, 7, 3).movedim(-1, 1)
    unpacked = pack({"frames": images, "some": images[:, :, 1:]}).unpack()
    assert_equal(unpacked, {"frames": images, "some": images[:, :, 1:]})
    assert unpacked["frames"].stride() == images.stride()


def test_pack__copies() -> None:
    parts = parts_of(num_clips=2)
    packed = pack(parts)
    parts["share"].zero_()
    assert packed.unpack()["share"].min() > 0
