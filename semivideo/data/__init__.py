"""Videos to batches, one room a step: ``catalogue``, ``splits``, ``video``, ``cache``, ``clips``.

Imports point one way: ``video`` < ``catalogue`` < ``splits``, ``cache`` < ``clips``;
``synthetic`` makes video for the demo and the tests.
"""
