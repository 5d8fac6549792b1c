"""A step's numbers: kept in four bytes each, checked when the step is made; tokens that are not the policy's."""

import math
import pickle
import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import Step, Tree
from search.tree.numbers import Integers, Reals


@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.lists(st.integers(-(2**31), 2**31 - 1)), st.slices(8))
def test_integers_are_a_sequence_like_a_tuple(values: list[int], others: list[int], part: slice) -> None:
    numbers, same = Integers(values), tuple(values)
    assert numbers == same and numbers == values and hash(numbers) == hash(same) and numbers in {same: 1}
    assert numbers[part] == same[part] and list(reversed(numbers)) == values[::-1]
    assert numbers + others == same + tuple(others) and tuple(others) + numbers == tuple(others) + same
    assert (numbers == Integers(others)) == (values == others)
    assert Integers.from_text(numbers.to_text()) == pickle.loads(pickle.dumps(numbers)) == numbers
    assert all(numbers[place] == numbers[place - len(values)] == value for place, value in enumerate(values))
    assert np.array(numbers).tolist() == values and all(type(number) is int for number in numbers)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_reals_of_single_precision_are_kept_exactly(values: list[float]) -> None:
    numbers = Reals(values)
    assert numbers == values and Reals.from_text(numbers.to_text()) == numbers and np.array(numbers).tolist() == values
    assert hash(numbers) == hash(tuple(values))


def test_zeros_of_both_signs_are_equal() -> None:
    assert Reals([0.0]) == Reals([-0.0]) and hash(Reals([0.0])) == hash(Reals([-0.0]))
    assert Integers([1]) == Reals([1.0]) and Integers([1]) != Reals([1.5]) and Integers([1]) != "1"


def test_doubles_are_rounded_once() -> None:
    step = Step("x", (1,), (math.log(0.3),))
    assert step.logprobs == (float(np.float32(math.log(0.3))),) and Step("x", (1,), step.logprobs) == step
    with pytest.raises(IndexError):
        step.logprobs[1]


@pytest.mark.parametrize("make", [tuple, list, np.array, iter])
def test_any_sequence_of_numbers_is_taken(make: Any) -> None:
    step = Step("x", make([1, 2]), make([-0.5, -1.0]), entropy=make([0.25, 2.0]))
    assert step == Step("x", (1, 2), (-0.5, -1.0), entropy=(0.25, 2.0)) and hash(step) is not None
    assert [type(number) for number in (*step.token_ids, *step.logprobs)] == [int, int, float, float]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"logprobs": [-0.1, math.nan]}, r"Step.logprobs\[1\] is nan"),
        ({"logprobs": [-math.inf]}, r"Step.logprobs\[0\] is -inf"),
        ({"logprobs": [math.inf, -math.inf]}, r"Step.logprobs\[0\] is inf"),
        ({"logprobs": [1e300]}, r"Step.logprobs\[0\] is 1e\+300"),
        ({"logprobs": ["a"]}, r"Step.logprobs\[0\] is 'a'"),
        ({"logprobs": None}, "Step.logprobs is None"),
        ({"entropy": np.array([0.1, np.nan])}, r"Step.entropy\[1\] is .*nan"),
        ({"token_ids": [0, 2**31]}, r"Step.token_ids\[1\] is 2147483648"),
        ({"token_ids": [0.5]}, r"Step.token_ids\[0\] is 0.5"),
        ({"token_ids": [1], "given": 2}, "Step.token_ids has 1 tokens, fewer than given = 2"),
        ({"token_ids": [1], "observed": -1}, "Step.observed is -1"),
        ({"token_ids": [1], "closing": 0.5}, "Step.closing is 0.5"),
    ],
)
def test_what_cannot_be_written_is_no_step(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Step("x", **fields)


def test_tokens_that_are_not_the_policys() -> None:
    step = Step("x", (1, 2, 3, 4, 5), (-1, -2, -3, -4, -5), given=1, closing=1, observed=2, action="check")
    assert step.token_ids[step.written] == (2, 3) and step.logprobs[step.written] == (-2, -3)
    assert step.inner_token_ids == (1, 2, 4, 5) and Step("x", (1, 2)).inner_token_ids == (1, 2)
    assert Step("x", (1,)).token_ids[Step("x", (1,)).written] == (1,)
    root = Tree("q").root
    node = root.add(root.reserve(1).start, step)
    below = node.add(node.reserve(1).start, Step("y", (6, 7), closing=1))
    assert (root.token_ids(), node.token_ids(), below.token_ids()) == ([], [1, 2, 3, 4, 5], [1, 2, 4, 5, 6, 7])


def test_a_token_takes_at_most_sixteen_bytes() -> None:
    ids, reals = list(range(100_000, 100_100)), [-0.1 * place for place in range(100)]
    tracemalloc.start()
    steps = [Step("x", ids, reals, entropy=reals) for _ in range(1_000)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert numbers_of(steps) == 300_000 and size / 100_000 < 16


def numbers_of(steps: Iterable[Step]) -> int:
    return sum(len(step.token_ids) + len(step.logprobs) + len(step.entropy or ()) for step in steps)
