"""From videos to batches: which frames, read once for all networks, in which order.

Not here: how a file is decoded (``video``, ``cache``), and views of clips (``transforms``).
"""
