"""Before a training: which settings, whether a step fits here, and what to expect of it.

Not here: putting settings together (``run.resolve``), and the training itself (``run.fitting``).
"""
