"""Features of pretrained networks as clips: one pass over the videos, then training in seconds.

Here: the feature cache (form, shards), the pass that fills it, views and batches of it, what is fed
to a head, classifiers that are computed at once. Not here: the encoders (``encoders``) and the
heads, which are networks (``models``).
"""
