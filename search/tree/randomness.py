"""Randomness keyed by a place, never global: the same key gives the same numbers, whatever else is running."""

import hashlib

import numpy as np


def key(*parts: object) -> int:
    """A 63-bit key of its parts (integers, texts, tuples of them), the same on every machine and in every run."""
    digest = hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def derive(parent: int, index: int) -> int:
    """The 63-bit key of a place below another one: of its key and an index."""
    digest = hashlib.blake2b(parent.to_bytes(8, "little") + index.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*parts: object) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key(*parts)))
