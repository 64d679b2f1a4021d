"""Many processes at work: the runs of a grid, and a cluster for what is done video by video."""
