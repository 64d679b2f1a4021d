"""Labels that are intervals: from one tool's file to another's, and from a network over long video.

How formats are read and written lives in ``events``, how windows are scored in ``evaluation``.
"""
