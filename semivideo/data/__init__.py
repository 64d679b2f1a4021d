"""Videos to batches: sources, manifests, splits, exact decoding, index arithmetic, the loader."""
