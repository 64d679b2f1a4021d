"""Name what happens in videos: ``python run.py VIDEO ...``.

Needs NumPy and OpenCV, and onnxruntime for ``model.onnx`` or PyTorch for ``model.pt2``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semivideo.export.alone.preprocess import (
    Clips,
    Description,
    clips_of_file,
    read_description,
)

Scores = NDArray[np.float32]
Network = Callable[[Clips], Scores]
"""Maps clips, float32 (N, 3, T, side, side), to logits (N, K)."""


def load(folder: str | Path) -> Network:
    """Open the network of an exported folder.

    Args:
        folder: With ``model.onnx`` or ``model.pt2``.
    """
    onnx, program = Path(folder) / "model.onnx", Path(folder) / "model.pt2"
    if onnx.exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])

        def by_onnx(clips: Clips) -> Scores:
            logits: Scores = session.run(["logits"], {"clips": clips})[0]
            return logits

        return by_onnx
    import torch

    network = torch.export.load(program).module()

    def by_torch(clips: Clips) -> Scores:
        with torch.no_grad():
            logits: Scores = network(torch.from_numpy(clips))[0].numpy()
        return logits

    return by_torch


def probabilities_of(logits: Scores, description: Description) -> Scores:
    """Map the logits (V, K) of all views of a video to the probability of each class, (K,).

    Args:
        logits: Of the views.
        description: Says whether probabilities or logits are averaged, and whether several classes
            may be there at once.
    """
    if description["average"] == "logits":
        logits = logits.mean(axis=0, keepdims=True)
    if description["several"]:
        shares = 1 / (1 + np.exp(-logits))
    else:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
    mean: Scores = shares.mean(axis=0, dtype=np.float32)
    return mean


def recognize(path: str | Path, network: Network, description: Description) -> Scores:
    """Return the probability of each class for a video file, float32 (K,).

    Args:
        path: The file.
        network: What ``load`` returned.
        description: What ``read_description`` returned.
    """
    logits = [network(clips) for clips in clips_of_file(path, description)]
    return probabilities_of(np.concatenate(logits), description)


def main(arguments: list[str] | None = None) -> None:
    """Print the most probable classes of each video.

    Args:
        arguments: Of the command line; None takes them from there.
    """
    parser = argparse.ArgumentParser(description="Name what happens in videos.")
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--folder", default=str(Path(__file__).parent), help="of the network")
    parser.add_argument("--top", type=int, default=3, help="how many classes to name")
    given = parser.parse_args(arguments)
    network, description = load(given.folder), read_description(given.folder)
    for path in given.videos:
        scores = recognize(path, network, description)
        best = np.argsort(-scores, kind="stable")[: given.top].tolist()
        words = ", ".join(f"{description['classes'][k]} {100 * scores[k]:.1f} %" for k in best)
        sys.stdout.write(f"{path}: {words}\n")


if __name__ == "__main__":
    main()
