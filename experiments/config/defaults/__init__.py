"""The experiments' YAML files; the knobs themselves are dataclasses (see `experiments.registry`)."""
