"""Policies write steps: Transformers, vLLM, and a toy with known probabilities."""
