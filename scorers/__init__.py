"""Scorers judge steps: reward models, checks, critics, ensembles, and a user's own class."""
