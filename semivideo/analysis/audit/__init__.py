"""Whether a split can be trusted: its sides, the checks, and the report.

Not here: how copies of a video are found (``data.splits.copies``).
"""
