"""From the overrides of a command line to the objects that they name, by Hydra."""
