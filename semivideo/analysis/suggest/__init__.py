"""After a training, in equations: which label helps most, which is wrong, what more would bring.

Not here: networks, trainings and files, which fill these equations (``run.labeling``).
"""
