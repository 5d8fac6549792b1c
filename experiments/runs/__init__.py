"""A run: its folder, the searches that fill it, and one line of results for each search."""
