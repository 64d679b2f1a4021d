"""Rendered video for the demo and the tests: puppets that act in made-up scenes.

Not here: bar codes that count frames (``video.barcodes``), which readers are tried on.
"""
