"""The search algorithms, one per file, and their numeric kernels."""
