"""How long to wait before a request is made again: longer each time, and not all at the same moment."""

import random
from collections.abc import Iterator

FIRST, LONGEST = 0.5, 30.0  # seconds


def waits(first: float = FIRST, longest: float = LONGEST) -> Iterator[float]:
    """Endless: twice as long each time, up to `longest`, a fifth more or less."""
    draw, seconds = random.Random(), first
    while True:
        yield seconds * draw.uniform(0.8, 1.2)
        seconds = min(2 * seconds, longest)
