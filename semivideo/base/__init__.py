"""What every other room stands on, and what knows none of them.

Here: errors, the values that travel (records), checked numbers, whole files, random numbers,
progress, processes and parts of a job. Not here: anything that knows videos or networks.
"""
