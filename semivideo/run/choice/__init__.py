"""Before a training: what is compared and chosen, whether a step fits here, what to expect of it.

Not here: putting settings together (``run.resolve``), and the training itself (``run.fitting``).
"""
