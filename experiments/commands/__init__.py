"""One file a command: its help, its knobs and `main`."""
