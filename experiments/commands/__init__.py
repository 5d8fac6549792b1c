"""One file per command: its help, its knobs and `main`."""
