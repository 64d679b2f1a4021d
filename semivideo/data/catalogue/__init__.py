"""Which videos there are: folders and lists read, files looked at once, the manifest.

Not here: who may learn from what (``splits``), and what is in the pictures (``video``).
"""
