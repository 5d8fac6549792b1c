"""How often the commands let Python look for circular garbage."""

import gc


def collect_rarely() -> None:
    """A tree of 100,000 nodes is millions of objects that live on: at Python's own thresholds the garbage collector
    walks them so often that it takes up to half of a search.
    """
    gc.set_threshold(50_000, 20, 100)
