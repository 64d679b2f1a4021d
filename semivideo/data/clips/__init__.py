"""From videos to batches: which frames, read once for all networks, in which order.

Not here: how a file is decoded (``video``, ``cache``), and views of clips (``transforms``).
"""

from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, TrainingLoader, training_loader
from semivideo.data.clips.store import FrameStore, filled_store

__all__ = [
    "ClipReader",
    "FrameStore",
    "Streams",
    "TrainingLoader",
    "filled_store",
    "training_loader",
]
