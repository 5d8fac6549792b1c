"""From the words of a command line to the objects that they name, by Hydra."""
