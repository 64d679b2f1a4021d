"""Figures from run folders, one file each; the table lists them by the name of the command.

Not here: what they have in common (``analysis.drawing``), and how runs are read and grouped.
"""
