"""Trains and evaluates the small policy and the small PRM."""
