"""Labels as intervals of video: as other tools write them, and as a network finds them.

Here are the readers and writers of all formats, and what is done with scores over time. Which file
on disk a label means is decided in ``data.catalogue``; no video is opened here.
"""
