"""CMPL in a loop of one's own: this package's clips, views and method, and torch's optimiser.

On rendered video, or on the videos of a folder (one folder a class, or a labels.csv):

    python examples/own_loop.py [VIDEOS] [--steps 40]
"""

import argparse
import tempfile
from pathlib import Path

import torch

import semivideo
from semivideo.base.records import ClipSpec
from semivideo.data.clips import ClipReader, Streams, filled_store, training_loader
from semivideo.data.synthetic.rendering import render
from semivideo.methods import CMPL
from semivideo.models import create
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views


def train(folder: Path, *, steps: int) -> CMPL:
    """Train on the videos of a folder, of which four a class are labelled."""
    manifest = semivideo.scan(folder)
    streams = Streams.of(manifest, semivideo.split(manifest, labels_per_class=4))
    clips = {"primary": ClipSpec(4, 4), "auxiliary": ClipSpec(8, 2)}  # one window, two rates
    data = DataSettings(short_side=56, labeled_batch=8, unlabeled_batch=12)
    store = filled_store(manifest, streams.unlabeled, settings=data)  # None if it does not fit
    reader = ClipReader(manifest, clips, settings=data, store=store)

    torch.manual_seed(0)
    K, device = len(manifest.classes), torch.accelerator.current_accelerator(check_available=True)
    networks = [create("resnet3d10", K, width=width, zero_init=False) for width in (0.25, 0.125)]
    views = Views(ViewSettings(crop_size=48))
    method = CMPL(*networks, views=views, clips=clips, threshold=0.8, weight=1.0).to(device)
    method.prepare(manifest.ids)
    optimizer = torch.optim.SGD(method.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    for batch in training_loader(reader, streams, seed=0, num_steps=steps):
        result = method(batch.to(device) if device else batch)
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        method.after_step()
        losses = "  ".join(f"{name} {loss:.2f}" for name, loss in result.terms.items())
        print(f"step {batch.step + 1}  loss {result.loss:.2f}  {losses}")
    return method


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train CMPL in a plain loop.")
    parser.add_argument("videos", type=Path, nargs="?", help="rendered ones if left out")
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if given.videos is None:
            render(Path(made), videos_per_class=8, seed=0, classes=["wave", "squat", "lift"])
        train(given.videos or Path(made), steps=given.steps)
