"""Keys: the same on every machine, different for different places."""

import pytest

from search.tree.randomness import generator, key


def test_a_key_is_the_same_in_every_run() -> None:
    assert key("x", 1, (0, 2)) == 7458423074097378480
    assert generator(0, "q", (1,)).random() == 0.3642599820809348


def test_different_parts_are_different_keys() -> None:
    parts: list[tuple[object, ...]] = [(), (0,), ("0",), (0, 0), ((0, 0),), ((0,), 0), ("0, 0",), (None,), ("\ud800",)]
    keys = {key(*part) for part in parts}
    assert len(keys) == len(parts) and all(0 <= k < 2**63 for k in keys)


def test_nothing_global_is_read_or_changed() -> None:
    first = generator("place").random(3)
    generator("elsewhere").random(100)
    assert generator("place").random(3) == pytest.approx(first, abs=0)
