"""What several methods share: rules for labels, teachers, heads, and the files methods read.

Not here: the pages, and the arithmetic, which is in ``objectives``.
"""
