"""Local motion, which looks at whole videos, and features of several encoders joined.

Here: what an encoder of whole videos is shown, the pass that learns its codebook, caches that are
joined, the network that is deployed on several encoders. Not here: encoders of clips of pixels.
"""
