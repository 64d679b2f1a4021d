"""A page on this machine that plays clips and takes labels; the server behind it.

Not here: what to ask (``run.labeling.suggesting``, ``run.labeling.doubting``), what an answer is
and what a training makes of it (``run.labeling.answers``, ``run.labeling.continuing``).
"""
