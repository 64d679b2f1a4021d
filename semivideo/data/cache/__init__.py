"""Prepared caches: every frame once, small, in tar files that any WebDataset reader streams.

``form`` says what a cache is made of; ``preparing`` makes one: ``estimate``, then ``shards`` of
``sections`` (one video each) with an ``index``; ``coding`` turns frames into bytes and back;
``reader`` serves clips from it, and ``remote`` from one behind an address.
"""
