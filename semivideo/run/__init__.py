"""Settings to objects and objects to runs: the only room that knows everybody.

Here: building, training from begin to end, scoring, prediction, grids of runs, cost, clusters.
Not here: the loop itself (``engine``) and what lies in a run folder (``semivideo.runfolder``).
"""
