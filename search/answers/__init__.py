"""Final answers: how they are found in a text, when two are equal, and which one a tree gives."""
