"""Steps checked by their programs, and solutions by programs of their own."""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from policies.engines.ends import Limits
from policies.engines.rows import Row, Sampling
from policies.engines.sandbox.sandbox import Sandbox, Walls
from policies.hf import HF
from policies.toy import Toy
from policies.writing import Writing
from scorers.checks import Checks
from scorers.conformance import check_scorer
from scorers.cross_check import Checking, CrossCheck
from scorers.ensemble import Combine, Ensemble
from scorers.programs import Programs
from search import BestOfN, Cost, End, KnobError, Rule, Selection, Step, Tree, solve
from search.tree.cost import NOTHING, Budget
from tests.engines.scripts import Script, ScriptedWriter

NONE = Walls.NONE
OPEN, CLOSE = "```python\n", "\n```\n"


def score(*texts: str, since: int = 0, **knobs: Any) -> list[float]:
    scored = asyncio.run(Programs(sandbox=NONE, **knobs).score("q", [Step(text) for text in texts], since))
    assert scored.cost == NOTHING
    return list(scored.scores)


def test_a_step_is_wrong_whose_program_fails() -> None:
    good, bad, uses = f"Let\n{OPEN}x = 2{CLOSE}", f"{OPEN}x / 0{CLOSE}", f"{OPEN}assert x == 2{CLOSE}"
    assert score("Let me see.\n\n", good, uses, bad, uses) == [0.5, 1.0, 1.0, 0.0, 1.0]
    assert score(good, bad, uses, since=2) == [1.0]
    assert score(uses, good) == [0.0, 1.0], "a step knows nothing of later ones"
    assert score(good + bad, "so", unknown=1) == [0.0, 1.0]
    assert score("Let\n```python\n", f"x = 2{CLOSE}") == [0.5, 1.0], "a program is judged where it ends"


def test_it_keeps_a_scorers_promises() -> None:
    check_scorer(Programs(sandbox=NONE))


def test_it_joins_an_ensemble() -> None:
    steps = [Step(f"1 + 1 = 2\n{OPEN}1 / 0{CLOSE}"), Step("1 + 1 = 2")]
    both = Ensemble((Programs(unknown=1, sandbox=NONE), Checks()), Combine.MIN)
    assert list(asyncio.run(both.score("q", steps, 0)).scores) == [0.0, 1.0]


def test_without_a_sandbox_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "_reason", "the kernel says no")
    for scorer in (Programs(), CrossCheck()):
        with pytest.raises(KnobError, match=r"the kernel says no.*sandbox=none"):
            scorer.start_loading()


# A policy whose solutions have two answers, and which writes a program for each

RIGHT = f"Well:\n{OPEN}x = 3 + 4{CLOSE}and\n{OPEN}print('so', x)\nprint(float(x)){CLOSE}Yes."


class TwoAnswers(ScriptedWriter):
    """Answers 7 to every third seed and 8 to the others; asked for a program, it gives its `program`."""

    program = RIGHT

    def reply(self, row: Row) -> list[int]:
        asked = "Write a Python program" in self.tokenizer.decode(list(row.prompt))
        text = self.program if asked else f"So \\boxed{{{7 if row.seed % 3 == 0 else 8}}}"
        return [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]


@dataclass(frozen=True)
class Policy(Writing):
    @cached_property
    def engine(self) -> Any:
        return TwoAnswers(Script(self.tokenizer, [], ""))


@pytest.fixture
def policy() -> Policy:
    return Policy()


def checking(policy: Policy, program: str = RIGHT, **knobs: Any) -> Checking:
    policy.engine.program = program
    return CrossCheck(sandbox=NONE, **knobs).with_policy(policy)


def weight(scorer: Checking, answer: str = "7") -> float:
    steps = [Step("Let me see.\n\n"), Step(f"So \\boxed{{{answer}}}", end=End.EOS)]
    (score,) = asyncio.run(scorer.score("3 + 4 =", steps, 1)).scores
    return score


def test_a_solution_weighs_more_where_its_program_agrees(policy: Policy) -> None:
    assert weight(checking(policy)) == weight(checking(policy), "\\frac{14}{2}") == 1.0
    assert weight(checking(policy), "8") == 0.2 and weight(checking(policy, doubt=0), "8") == 0.0
    for none in ("I cannot.", f"{OPEN}1 / 0{CLOSE}"):
        assert weight(checking(policy, none)) == 0.2
    cut_off = RIGHT[: RIGHT.rindex("```")]
    assert weight(checking(policy, cut_off)) == 1.0
    steps = [Step("So 7", end=End.EOS)]
    assert asyncio.run(checking(policy, doubt=0).score("q", steps, 0)).scores == [0.0], "it has no answer"


def test_answers_that_programs_agree_with_win_the_vote(policy: Policy) -> None:
    scorer = CrossCheck(sandbox=NONE, doubt=0.1)
    trees = [asyncio.run(solve("3 + 4 =", BestOfN(n=6), policy, scorer, seed=seed)) for seed in range(4)]
    votes = [(Selection(Rule.MAJORITY)(tree).answer, Selection(Rule.WEIGHTED)(tree).answer) for tree in trees]
    assert ("8", "7") in votes
    for tree, (_, weighted) in zip(trees, votes, strict=True):
        seven = sum(leaf.score == 1.0 for leaf in tree.leaves())
        assert (weighted == "7") == (seven > 0.1 * (6 - seven)) and tree.ledger.scorer_calls <= 2, "equal ones once"


def test_what_it_costs_is_charged_to_the_scorer(policy: Policy) -> None:
    scored = asyncio.run(checking(policy, samples=3).score("q", [Step("\\boxed{7}", end=End.ANSWER)], 0))
    prompt = len(policy.engine.prompts[-1])
    reply = len(policy.engine.reply(Row(policy.engine.prompts[-1], 0, Sampling(), Limits(), 0, 0, None)))
    assert scored.cost == Cost(computed=3 * (prompt + reply), calls=1, flops=3.0)
    root = Tree("q").root
    leaf = root.add(root.reserve(1).start, Step("\\boxed{7}", end=End.ANSWER))
    worst = checking(policy, samples=3).worst_case(leaf, 0)
    assert worst is not None and scored.cost.computed <= worst.computed and worst.calls == 1
    assert checking(policy).worst_case(root, 10) is None and checking(policy).worst_case(root, 0) == NOTHING
    tree = asyncio.run(solve("q", BestOfN(n=2), policy, CrossCheck(sandbox=NONE), Budget(flops=1e6)))
    assert tree.ledger.scorer_calls in (1, 2)


def test_what_cannot_be_checked_is_refused(policy: Policy) -> None:
    with pytest.raises(KnobError, match="Toy runs none"):
        asyncio.run(solve("q", BestOfN(n=1), Toy(), CrossCheck()))
    with pytest.raises(KnobError, match=r"scorer.prompt lacks \{solution\}"):
        CrossCheck(prompt="{question}")
    with pytest.raises(ValueError, match=r"takes \d+ tokens"):
        asyncio.run(checking(policy).score("q " * 3000, [Step("\\boxed{7}")], 0))
    with pytest.raises(KnobError, match="there is no policy here"):
        asyncio.run(CrossCheck().score("q", [Step("1")], 0))


def test_the_small_policy_writes_no_program() -> None:
    """Which is what it can show: its solutions keep the weight of doubt, and the search goes on."""
    tree = asyncio.run(solve("(1 + 2) =", BestOfN(n=2), HF(), CrossCheck(sandbox=NONE, max_tokens=20)))
    assert {leaf.score for leaf in tree.leaves() if leaf.finished} == {0.2}
    assert tree.ledger.scorer_calls in (1, 2) and (tree.ledger.scorer_flops or 0) > 0
