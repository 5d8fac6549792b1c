"""A run: its folder, the searches that fill it, and a line of results for each."""
