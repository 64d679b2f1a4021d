"""After a training: which videos to label next, which labels are doubtful, what more would bring.

Not here: the equations (``analysis.suggest``), and pages that take the labels (``review``).
"""
