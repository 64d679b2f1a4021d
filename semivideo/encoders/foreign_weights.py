"""Weights that other programs wrote, under the names of our networks, where layouts are equal.

torchvision's video networks (``r3d_18``, ``r2plus1d_18``, ``s3d``), PyTorchVideo's and PySlowFast's
``slow_r50`` and ``slowfast_r50``. Each layout is a function from their names to ours. Files are
read as weights only: no code in a pickle is run. Every name is accounted for, theirs and ours.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from semivideo.base.errors import CheckpointError, ConfigError, nearest
from semivideo.base.files import write_bytes
from semivideo.models import create
from semivideo.models.weights import read_weights
from semivideo.settings import WeightsOrigin

Fate = Literal["loaded", "renamed", "shape differs", "not there", "unused"]
COUNTER = "num_batches_tracked"
"""Of batch norms; it changes nothing and is not told."""


class Layout(NamedTuple):
    """How somebody else writes one of our networks.

    Attributes:
        network: Its name here.
        options: Of our network, that make it theirs.
        mark: A name that only this layout has.
        rename: Their name to ours; None for what is not of the network.
        mean: Of frames in [0, 1], that their weights want to be subtracted.
        std: Likewise, divided by.
    """

    network: str
    options: dict[str, Any]
    mark: str
    rename: Callable[[str], str | None]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one name.

    Attributes:
        theirs: In the file; "" for what is not there.
        ours: In our network; "" for what is not used.
        fate: What became of it.
        remark: Both shapes, where they differ.
    """

    theirs: str
    ours: str
    fate: Fate
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Converted:
    """Weights under our names, and how each came there.

    Attributes:
        layout: Whose.
        weights: By our names.
        rows: Of every name, theirs in the order of the file, then ours that are not there.
    """

    layout: str
    weights: dict[str, Tensor]
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many names had each fate."""
        return dict(Counter(row.fate for row in self.rows))

    def write(self, file: Path, origin: WeightsOrigin) -> None:
        """Write the weights with what has to be said of them, for ``networks.primary.weights``.

        Args:
            file: To write, by convention ``.safetensors``.
            origin: Where the weights come from.

        Raises:
            CheckpointError: They do not fill the network.
            WriteError: The file cannot be written.
        """
        layout = LAYOUTS[self.layout]
        lacking = [row for row in self.rows if row.fate in ("not there", "shape differs")]
        if lacking:
            raise CheckpointError(
                f"the file does not fill {layout.network}: {len(lacking)} weights are not there or "
                f"of another shape, such as {lacking[0].ours}; nothing was written: take the file "
                f"of {self.layout} as it was published"
            )
        told = {
            "network": layout.network,
            "options": layout.options,
            "views": {"mean": layout.mean, "std": layout.std},
            "origin": origin.model_dump(),
        }
        weights = {name: tensor.contiguous() for name, tensor in self.weights.items()}
        content = safetensors.torch.save(weights, metadata={"semivideo": json.dumps(told)})
        write_bytes(file, content)


def convert(file: Path, *, to: str) -> Converted:
    """Read weights of another program as those of one of our networks.

    Args:
        file: A state dict saved by torch, or safetensors.
        to: Name of our network.

    Raises:
        ConfigError: There is no layout of that network.
        CheckpointError: The file cannot be read as weights only, or holds another network.
    """
    networks = sorted({layout.network for layout in LAYOUTS.values()})
    if to not in networks:
        raise ConfigError(
            f"no other program's weights are known of {to!r}{nearest(to, networks)} "
            f"[known: {', '.join(networks)}]"
        )
    found = read_weights(file)
    fitting = {
        name: layout
        for name, layout in LAYOUTS.items()
        if layout.network == to and layout.mark in found
    }
    if not fitting:
        shown = ", ".join(list(found)[:3])
        known = [name for name, layout in LAYOUTS.items() if layout.network == to]
        raise CheckpointError(
            f"{file} holds no {to} as {' or '.join(known)} writes it (it has {shown or 'nothing'}, "
            "...); name the network that it was made for"
        )
    [(name, layout)] = fitting.items()
    return _converted(name, layout, found)


def _converted(name: str, layout: Layout, found: Mapping[str, Tensor]) -> Converted:
    """Rename weights and account for every name."""
    heads = [value for theirs, value in found.items() if layout.rename(theirs) == "classifier.bias"]
    with torch.device("meta"):  # shapes without memory
        built = create(layout.network, max(1, len(heads[0]) if heads else 1), **layout.options)
    own = {key: value for key, value in built.state_dict().items() if not key.endswith(COUNTER)}
    weights, rows = {}, []
    for theirs, value in found.items():
        if theirs.endswith(COUNTER):
            continue
        ours = layout.rename(theirs)
        if ours not in own:
            rows.append(Row(theirs, "", "unused"))
            continue
        if ours.startswith("classifier.") and value.dim() > own[ours].dim():
            value = value.flatten(1)  # a 1x1x1 convolution after the pool is a linear layer
        if value.shape != own[ours].shape:
            shapes = f"{tuple(value.shape)} in the file, {tuple(own[ours].shape)} here"
            rows.append(Row(theirs, ours, "shape differs", shapes))
            continue
        weights[ours] = value
        rows.append(Row(theirs, ours, "loaded" if theirs == ours else "renamed"))
    told = {row.ours for row in rows}
    rows += [Row("", ours, "not there") for ours in own if ours not in told]
    return Converted(name, weights, tuple(rows))


_KIND = {"0": "conv", "1": "norm"}


def _torchvision_residual(name: str) -> str | None:
    """``layer2.0.conv1.1.bias`` is ``res3.0.branch.0.norm.bias``."""
    if found := re.fullmatch(r"fc\.(\w+)", name):
        return f"classifier.{found[1]}"
    if found := re.fullmatch(r"stem\.([01])\.(\w+)", name):
        return f"stem.0.{_KIND[found[1]]}.{found[2]}"
    if found := re.fullmatch(r"layer(\d)\.(\d+)\.(conv[12]|downsample)\.([01])\.(\w+)", name):
        stage, block, part, kind, rest = found.groups()
        place = {"conv1": "branch.0", "conv2": "branch.2", "downsample": "shortcut"}[part]
        return f"res{int(stage) + 1}.{block}.{place}.{_KIND[kind]}.{rest}"
    return None


def _torchvision_factorized(name: str) -> str | None:
    """As ``_torchvision_residual``, with each convolution in two parts."""
    if found := re.fullmatch(r"stem\.([0134])\.(\w+)", name):
        number = int(found[1])
        return f"stem.{2 * (number // 3)}.{_KIND[str(number % 3)]}.{found[2]}"
    # conv1.0.0 in space and conv1.0.1 its norm, conv1.0.3 in time and conv1.1 its norm.
    if found := re.fullmatch(r"layer(\d)\.(\d+)\.conv([12])\.(0\.0|0\.1|0\.3|1)\.(\w+)", name):
        stage, block, conv, part, rest = found.groups()
        first = 4 * (int(conv) - 1)
        place, kind = {
            "0.0": (first, "conv"),
            "0.1": (first, "norm"),
            "0.3": (first + 2, "conv"),
            "1": (first + 2, "norm"),
        }[part]
        return f"res{int(stage) + 1}.{block}.branch.{place}.{kind}.{rest}"
    return _torchvision_residual(name) if name.startswith(("fc.", "layer")) else None


_S3D_PLACES = {
    **{"0": "stem", "2": "res2.0", "3": "res2"},
    **{"5": "res3.1", "6": "res3.2"},
    **{str(number): f"res4.{number - 7}" for number in range(8, 13)},
    **{"14": "res5.1", "15": "res5.2"},
}


def _torchvision_s3d(name: str) -> str | None:
    """Block 5, ``branch1.1.0.1.bias``, is ``res3.1.branches.1.2.norm.bias``."""
    if found := re.fullmatch(r"classifier\.1\.(\w+)", name):
        return f"classifier.{found[1]}"
    if found := re.fullmatch(r"features\.0\.([01])\.([01])\.(\w+)", name):
        return f"stem.{2 * int(found[1])}.{_KIND[found[2]]}.{found[3]}"
    if found := re.fullmatch(r"features\.2\.([01])\.(\w+)", name):
        return f"res2.0.{_KIND[found[1]]}.{found[2]}"
    if found := re.fullmatch(r"features\.3\.([01])\.([01])\.(\w+)", name):
        return f"res2.{2 + 2 * int(found[1])}.{_KIND[found[2]]}.{found[3]}"
    found = re.fullmatch(r"features\.(\d+)\.branch([0-3])\.((?:[01]\.){0,2})([01])\.(\w+)", name)
    if found is None or found[1] not in _S3D_PLACES:
        return None
    number, branch, inside, kind, rest = found.groups()
    # Branch 0 is one convolution, 3 a pool and one; 1 and 2 are one, one in space, one in time.
    place = {"": 0, "0.": 0, "1.0.": 2, "1.1.": 4}.get(inside) if branch != "3" else 1
    if place is None:
        return None
    return f"{_S3D_PLACES[number]}.branches.{branch}.{place}.{_KIND[kind]}.{rest}"


_BRANCH = {"a": 0, "b": 2, "c": 4}
_PATHWAYS = ("slow", "fast")


def _block_of_pytorchvideo(name: str) -> str | None:
    """``res_blocks.0.branch2.norm_a.bias`` is ``0.branch.0.norm.bias``."""
    if found := re.fullmatch(r"res_blocks\.(\d+)\.branch1_(conv|norm)\.(\w+)", name):
        return f"{found[1]}.shortcut.{found[2]}.{found[3]}"
    if found := re.fullmatch(r"res_blocks\.(\d+)\.branch2\.(conv|norm)_([abc])\.(\w+)", name):
        return f"{found[1]}.branch.{_BRANCH[found[3]]}.{found[2]}.{found[4]}"
    return None


def _pytorchvideo_slow(name: str) -> str | None:
    """``blocks.1.res_blocks.0 ...`` is ``res2.0 ...``."""
    if found := re.fullmatch(r"blocks\.0\.(conv|norm)\.(\w+)", name):
        return f"stem.0.{found[1]}.{found[2]}"
    if found := re.fullmatch(r"blocks\.5\.proj\.(\w+)", name):
        return f"classifier.{found[1]}"
    found = re.fullmatch(r"blocks\.([1-4])\.(.*)", name)
    block = None if found is None else _block_of_pytorchvideo(found[2])
    return None if found is None or block is None else f"res{int(found[1]) + 1}.{block}"


def _pytorchvideo_slowfast(name: str) -> str | None:
    """``blocks.0.multipathway_fusion ...`` after the stems is the lateral connection of res2."""
    if found := re.fullmatch(r"blocks\.6\.proj\.(\w+)", name):
        return f"classifier.{found[1]}"
    fusion = r"blocks\.([0-3])\.multipathway_fusion\.(conv_fast_to_slow|norm)\.(\w+)"
    if found := re.fullmatch(fusion, name):
        kind = "norm" if found[2] == "norm" else "conv"
        return f"res{int(found[1]) + 2}.lateral.0.{kind}.{found[3]}"
    if found := re.fullmatch(r"blocks\.0\.multipathway_blocks\.([01])\.(conv|norm)\.(\w+)", name):
        return f"stem.{_PATHWAYS[int(found[1])]}.0.{found[2]}.{found[3]}"
    found = re.fullmatch(r"blocks\.([1-4])\.multipathway_blocks\.([01])\.(.*)", name)
    block = None if found is None else _block_of_pytorchvideo(found[3])
    if found is None or block is None:
        return None
    return f"res{int(found[1]) + 1}.{_PATHWAYS[int(found[2])]}.{block}"


def _pyslowfast(name: str, *, has_two: bool) -> str | None:
    """``s2.pathway0_res1.branch2.b_bn.bias`` is ``res2.1.branch.2.norm.bias``."""

    def of(pathway: str) -> str:
        return f".{_PATHWAYS[int(pathway)]}" if has_two else ""

    if found := re.fullmatch(r"head\.projection\.(\w+)", name):
        return f"classifier.{found[1]}"
    if found := re.fullmatch(r"s1\.pathway([01])_stem\.(conv|bn)\.(\w+)", name):
        return f"stem{of(found[1])}.0.{'conv' if found[2] == 'conv' else 'norm'}.{found[3]}"
    if found := re.fullmatch(r"s([1-4])_fuse\.(conv_f2s|bn)\.(\w+)", name):
        kind = "conv" if found[2] == "conv_f2s" else "norm"
        return f"res{int(found[1]) + 1}.lateral.0.{kind}.{found[3]}"
    block = r"s([2-5])\.pathway([01])_res(\d+)\."
    if found := re.fullmatch(block + r"branch1(_bn)?\.(\w+)", name):
        stage, pathway, number, norm, rest = found.groups()
        return f"res{stage}{of(pathway)}.{number}.shortcut.{'norm' if norm else 'conv'}.{rest}"
    if found := re.fullmatch(block + r"branch2\.([abc])(_bn)?\.(\w+)", name):
        stage, pathway, number, layer, norm, rest = found.groups()
        place = f"branch.{_BRANCH[layer]}.{'norm' if norm else 'conv'}"
        return f"res{stage}{of(pathway)}.{number}.{place}.{rest}"
    return None


def _pyslowfast_slow(name: str) -> str | None:
    return _pyslowfast(name, has_two=False)


def _pyslowfast_slowfast(name: str) -> str | None:
    return _pyslowfast(name, has_two=True)


_KINETICS_MEAN, _KINETICS_STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
_GREY_MEAN, _GREY_STD = (0.45,) * 3, (0.225,) * 3

LAYOUTS: dict[str, Layout] = {
    "torchvision r3d_18": Layout(
        "r3d18",
        {"stem_pool": False, "temporal_pool": False, "eps": 1e-5},
        "layer1.0.conv1.0.weight",
        _torchvision_residual,
        _KINETICS_MEAN,
        _KINETICS_STD,
    ),
    "torchvision r2plus1d_18": Layout(
        "r2plus1d18",
        {"middle": "block"},
        "layer1.0.conv1.0.0.weight",
        _torchvision_factorized,
        _KINETICS_MEAN,
        _KINETICS_STD,
    ),
    "torchvision s3d": Layout(
        "s3d", {}, "features.0.0.0.weight", _torchvision_s3d, _KINETICS_MEAN, _KINETICS_STD
    ),
    "PyTorchVideo slow_r50": Layout(
        "slow_r50", {}, "blocks.0.conv.weight", _pytorchvideo_slow, _GREY_MEAN, _GREY_STD
    ),
    "PyTorchVideo slowfast_r50": Layout(
        "slowfast_r50",
        {},
        "blocks.0.multipathway_blocks.0.conv.weight",
        _pytorchvideo_slowfast,
        _GREY_MEAN,
        _GREY_STD,
    ),
    "PySlowFast slow_r50": Layout(
        "slow_r50",
        {},
        "s1.pathway0_stem.conv.weight",
        _pyslowfast_slow,
        _GREY_MEAN,
        _GREY_STD,
    ),
    "PySlowFast slowfast_r50": Layout(
        "slowfast_r50",
        {},
        "s1.pathway1_stem.conv.weight",
        _pyslowfast_slowfast,
        _GREY_MEAN,
        _GREY_STD,
    ),
}
