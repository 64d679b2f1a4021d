"""``python -m semivideo``: the command line, for launchers that start a module.

Python puts the current folder first where modules are looked for, so that a file ``av.py`` of a
downloaded folder would be run in the place of a library. It is taken out before anything is
imported; where the package itself lies there, it comes last.
"""

import os
import sys


def _without_current_folder(paths: list[str], package: str) -> list[str]:
    """The places where modules are looked for, without what ``-m`` has put in front."""
    here = os.path.realpath(os.getcwd())
    if sys.flags.safe_path or not paths or os.path.realpath(paths[0] or here) != here:
        return paths
    is_home = os.path.realpath(os.path.dirname(os.path.dirname(package))) == here
    return [*paths[1:], *([here] if is_home else [])]


if __name__ == "__main__":
    sys.path[:] = _without_current_folder(sys.path, __file__)
    from semivideo.cli import main

    main()
