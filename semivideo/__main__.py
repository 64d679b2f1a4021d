"""``python -m semivideo``: the command line, for launchers that start a module."""

from semivideo.cli import main

if __name__ == "__main__":
    main()
