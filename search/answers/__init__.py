"""Final answers: the box, when two are equal, and which one a tree answers."""
