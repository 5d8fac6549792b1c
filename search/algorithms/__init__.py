"""The algorithms, a file each, and their kernels."""
