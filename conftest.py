"""For all tests: one arithmetic thread a process, since tests run in two processes on two cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
