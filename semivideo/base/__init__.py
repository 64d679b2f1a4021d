"""What every other room stands on, and what knows none of them.

Here: errors, the values that travel (records), checked numbers and files, whole files, locks,
budgets, what may be imported, random numbers, progress, processes and parts of a job. Not here:
anything that knows videos or networks.
"""
