"""Where the time of a training goes, measured on the user's videos, settings and machine.

    videos -> reading: one process -> step: the engine's own, part by part -> loop: both together
      -> testing -> advice

Nothing is written and nothing is simulated: reader, loader, method and step are those of training.
"""

from __future__ import annotations

from semivideo.profile.measured import Report
from semivideo.profile.stages import bench, require_videos

__all__ = ["Report", "bench", "require_videos"]
