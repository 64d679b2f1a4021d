"""Endings of file names: which files are videos, which are pictures, and what is left of a name."""

from __future__ import annotations

VIDEO_EXTENSIONS = tuple(
    (
        "mp4 avi mov mkv webm mpg mpeg m4v gif ts wmv flv 3gp mts m2ts m2t m2v m1v mpe mpv asf vob "
        "ogv ogm 3g2 mxf dv h264 264 h265 265 hevc mjpeg mjpg f4v divx rm rmvb y4m nut ivf mod tod "
        "qt"
    ).split()
)
"""Files that are opened as videos, whatever the case of the letters; others are counted."""

IMAGE_EXTENSIONS = tuple("jpg jpeg png bmp webp tif tiff ppm pgm".split())
"""Files that a folder of frames consists of."""


def ending(name: str) -> str:
    """What follows the last dot of a file's name, in small letters; "" without one.

    >>> ending("a/b.c/0001.MTS"), ending("a.b/README")
    ('mts', '')
    """
    stem, dot, end = name.rpartition("/")[2].rpartition(".")
    return end.lower() if dot and stem else ""


def is_video(name: str) -> bool:
    """Whether a file is called like a video."""
    return ending(name) in VIDEO_EXTENSIONS


def without_extension(name: str) -> str:
    """Cut a video's extension off; other dots are part of the name.

    >>> without_extension("dive/No.1_dive_f.avi"), without_extension("dive/No.1_dive_f")
    ('dive/No.1_dive_f', 'dive/No.1_dive_f')
    """
    return name[: name.rindex(".")] if is_video(name) else name
