"""Searches on many machines: whole searches are handed to workers, each a process with its own engines and loop."""
