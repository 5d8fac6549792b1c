"""What reads a reward model's checkpoint: heads, the forms of their input, the readers, presets by name."""
