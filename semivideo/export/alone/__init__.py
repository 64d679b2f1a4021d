"""Code that is copied beside an exported network: it needs NumPy, OpenCV and a runtime only."""
