"""Reads the checkpoints of reward models: their heads, input formats, readers and presets by name."""
