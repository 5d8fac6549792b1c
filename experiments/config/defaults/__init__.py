"""The YAML files of the commands; the knobs are dataclasses (see `experiments.config.registry`)."""
