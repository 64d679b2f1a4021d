"""What the C library, OpenMP and the system's signals are asked for on behalf of a process."""
