"""One video file: its packets, its frames exactly, by software or a GPU, and writing one.

Not here: which frames are wanted (``clips``). It knows no manifest and no settings.
"""
