"""What networks of several families are built of, and ways to compute it.

Not here: whole networks, one file each in ``models``.
"""
