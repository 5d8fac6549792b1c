"""Generated arithmetic, files, published problem sets, and saved solutions with labels."""
