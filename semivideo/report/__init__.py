"""A page that people look at: one HTML file a run, or one that compares several; no server.

Not here: the page that takes labels (``review``), and figures for papers (``analysis.figures``).
"""
