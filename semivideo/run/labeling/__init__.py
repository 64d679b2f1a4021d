"""Labels by people and networks: which to give next, which are doubtful, what more would bring.

Also labels from one tool's file to another's, and those that a network gives to long video. Not
here: the equations (``analysis.suggest``), the formats (``events``), and pages that take labels
(``review``).
"""
