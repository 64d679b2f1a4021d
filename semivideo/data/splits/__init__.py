"""Who may learn from what: splits drawn or published, their file, and copies that would leak.

Not here: the table of videos (``catalogue``), and what an audit says of a split (``analysis``).
"""

from semivideo.data.splits.drawn import draw_split, practical_split, redrawn, tell_unlearned
from semivideo.data.splits.folds import label_folds
from semivideo.data.splits.split_file import Split, check_split

__all__ = [
    "Split",
    "check_split",
    "draw_split",
    "label_folds",
    "practical_split",
    "redrawn",
    "tell_unlearned",
]
