"""An exported network on a video file or a camera, with NumPy, OpenCV and onnxruntime alone.

semivideo export runs/a --out model
python examples/run_onnx.py model video.mp4
python examples/run_onnx.py model 0            (the first camera; Ctrl-C ends it)
"""

import sys
from collections import deque
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

folder, source = Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(folder))
import preprocess  # type: ignore[import-not-found] # noqa: E402 - lies beside the network

description = preprocess.read_description(folder)
network = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])


def tell(clips: list[np.ndarray]) -> None:
    """Print the three most probable classes of some clips."""
    shares = network.run(["probabilities"], {"clips": np.concatenate(clips)})[0].mean(axis=0)
    best = np.argsort(-shares)[:3]
    print(", ".join(f"{description['classes'][k]} {100 * shares[k]:.0f} %" for k in best))


if source.isdigit():
    camera, last = cv2.VideoCapture(int(source)), deque[np.ndarray](maxlen=64)
    while camera.isOpened():  # every 16 frames, what the last 64 show
        last += [cv2.cvtColor(camera.read()[1], cv2.COLOR_BGR2RGB) for _ in range(16)]
        tell(list(preprocess.clips_of_frames(list(last), description | {"num_clips": 1})))
else:
    tell(list(preprocess.clips_of_file(source, description)))
