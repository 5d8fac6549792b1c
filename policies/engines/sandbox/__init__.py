"""Runs programs that a model wrote, in a process of their own behind the walls that the system has."""
