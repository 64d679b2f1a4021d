"""What the C library and OpenMP are asked for on behalf of a process."""
