"""Wrong arguments of `solve` are answered in words, before anything is asked."""

import asyncio
import re
from typing import Any

import pytest

from policies.toy import Toy
from scorers.custom import adapt
from scorers.toy import Toy as ToyScorer
from search import BestOfN, KnobError, Tree, solve


class Plain:
    """A scorer of one method."""

    def score(self, question: str, steps: Any) -> list[float]:
        return [0.5 for _ in steps]


def solved(question: Any = "q", searcher: Any = None, policy: Any = None, scorer: Any = None, **more: Any) -> Tree:
    asked = (searcher or BestOfN(2), policy or Toy(), ToyScorer() if scorer is None else scorer)
    return asyncio.run(solve(question, *asked, **more))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"question": None}, "the question is None; give a text"),
        ({"searcher": BestOfN}, "searcher is the class BestOfN; give an object of it: BestOfN(...)"),
        ({"searcher": "beam"}, "searcher is 'beam'; give an object with the method search"),
        (
            {"searcher": Toy()},
            "searcher is a Toy, which has no method search; it is a policy: solve(question, searcher,",
        ),
        ({"policy": BestOfN(2)}, "policy is a BestOfN, which has no method extend; it is a searcher: solve("),
        ({"policy": "Qwen/Qwen3-4B"}, "policy is 'Qwen/Qwen3-4B'; give an object with the method extend"),
        ({"scorer": 3}, "scorer is 3; give an object with the method score"),
        ({"scorer": Plain()}, "give scorers.custom.adapt(Plain(...))"),
        ({"second": Plain()}, "second is a Plain, which is not of the full protocol"),
        ({"budget": 100}, "budget is 100; give a Budget, for example Budget(generated_tokens=1000)"),
    ],
)
def test_a_wrong_argument_is_named_with_what_to_give(wrong: dict[str, Any], message: str):
    with pytest.raises(KnobError, match=re.escape(message)):
        solved(**wrong)


def test_no_scorer_is_named():
    with pytest.raises(KnobError, match="scorer is None; give an object"):
        asyncio.run(solve("q", BestOfN(2), Toy(), None))  # pyright: ignore[reportArgumentType]


def test_an_adapted_scorer_passes():
    assert solved(scorer=adapt(Plain())).stopped == "done"
