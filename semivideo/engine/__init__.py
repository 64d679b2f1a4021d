"""The loop, the optimiser, checkpoints and logs; it knows methods and batches, nothing else."""

from semivideo.engine.checkpoint import settings_hash
from semivideo.engine.loop import Feed, Fitted, fit
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Plan

__all__ = ["Feed", "Fitted", "Plan", "Runtime", "fit", "settings_hash"]
