"""Which videos there are: folders and lists, the scan of each file, and the manifest.

Not here: who may learn from what (``splits``), and what is in the pictures (``video``).
"""
