"""Trained networks for those without this package: files to run, with what they have to be fed.

Here live the formats, the comparison with the run, the page about the model, and giving and taking
it through a hub. Not here: prediction with the package itself (``run.prediction``).
"""
