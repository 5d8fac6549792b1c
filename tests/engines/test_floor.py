"""A floor of confidence: a continuation is cut at the first token at which the last ones are too unsure."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from policies.engines.vllm_writer import CHUNK
from policies.hf import HF
from policies.openai import OpenAI
from policies.writing import Writing
from search import DeepConf, End, KnobError, Step, Tree, solve
from search.tree.confidence import Floor, Window, lowest
from tests.engines.served_searches import policy_on
from tests.models import QUESTIONS, extend, ids_of
from tests.worlds import By

QUESTION = QUESTIONS[3]


def written(steps: Sequence[Step]) -> list[float]:
    return [logprob for step in steps for logprob in step.logprobs[step.written]]


def first_below(logprobs: Sequence[float], floor: Floor) -> int | None:
    """How many tokens come up to the first window below the floor, this one included."""
    window = Window(floor.window)
    for place, logprob in enumerate(logprobs, 1):
        mean = window.push(logprob)
        if mean is not None and mean < floor.confidence:
            return place
    return None


@pytest.fixture(scope="module")
def small(random_policy: str) -> Writing:
    """A random model, which is unsure of everything."""
    return HF(random_policy, max_tokens=40, max_step_tokens=8, delimiter=" + ", max_steps=100)


@pytest.mark.parametrize("window", [1, 4, 60])
def test_a_solution_is_cut_where_brute_force_says(small: Writing, window: int) -> None:
    """For floors from none to all: the tokens are those of the whole solution up to the first window below it."""
    (whole,) = extend(small, QUESTION, [5]).continuations
    logprobs = written(whole)
    cuts, width = set[int | None](), min(window, len(logprobs))
    means = sorted(lowest(logprobs[end - width : end], width) for end in range(width, len(logprobs) + 1))
    for confidence in (-100.0, means[len(means) // 8], means[len(means) // 2], -1e-9):
        floor = Floor(confidence, window)
        extension = extend(small, QUESTION, [5], floor=floor)
        (steps,) = extension.continuations
        cut = first_below(logprobs, floor)
        cuts.add(cut)
        assert ids_of(steps) == ids_of(whole)[:cut] and extension.cost.generated == len(ids_of(steps))
        assert (steps[-1].end is End.UNSURE) == (cut is not None and cut < len(logprobs))
        assert steps[-1].truncated or cut is None or cut == len(logprobs)
    assert len(cuts) > 2 or window == 60


def test_other_rows_of_its_batch_go_on(small: Writing) -> None:
    middle = sorted(written(extend(small, QUESTION, [0]).continuations[0]))[4]
    floor, seeds = Floor(middle, 1), range(6)
    alone = [ids_of(extend(small, QUESTION, [seed], floor=floor).continuations[0]) for seed in seeds]
    assert [ids_of(steps) for steps in extend(small, QUESTION, seeds, floor=floor).continuations] == alone
    assert len(set(map(len, alone))) > 2


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("confidence", [-1.2, -1.5, -3.0])
def test_on_vllm_what_is_beyond_the_cut_is_dropped_and_charged(stub: Any, confidence: float) -> None:
    pytest.importorskip("aiohttp")
    server = stub()
    policy, floor = policy_on(server), Floor(confidence, 2)
    extension = extend(policy, QUESTIONS[1], range(12), floor=floor)
    asked = [body.get("sampling_params", body)["max_tokens"] for _, body in server.asked]
    assert max(asked) <= CHUNK
    for steps, cost in zip(extension.continuations, extension.each_cost(), strict=True):
        logprobs = written(steps)
        cut = first_below(logprobs, floor)
        assert cut in (None, len(logprobs)) and (steps[-1].end is not End.UNSURE or cut is not None)
        assert cut is None or steps[-1].end in (End.UNSURE, End.EOS)
        assert 0 <= cost.generated - len(logprobs) < CHUNK
    assert extension.cost.generated == server.counted["generated"]
    assert extension.cost.computed == server.counted["computed"]
    assert any(steps[-1].end is End.UNSURE for steps in extension.continuations) == (confidence > -3)


def test_an_endpoint_that_tells_no_log_probabilities_refuses() -> None:
    with pytest.raises(KnobError, match="takes no request with floor"):
        extend(OpenAI("x", url="http://127.0.0.1:9"), "q", [1], floor=Floor(-1.0, 4))  # type: ignore[arg-type]


def test_deepconf_saves_tokens_of_a_model(small: Writing) -> None:
    search = DeepConf(n=10, warmup=4, keep=0.3, window=4)
    tree: Tree = asyncio.run(solve(QUESTION, search, small, By(lambda steps: 0.5)))
    leaves = tree.leaves()
    cut = [leaf for leaf in leaves if leaf.step and leaf.step.end is End.UNSURE]
    assert cut and all(leaf.path[0] >= 4 for leaf in cut)
    assert tree.ledger.generated_tokens == sum(len(written(leaf.steps())) for leaf in leaves)
