"""Several scorers as one: each rule by hand, the tiered one asks the costly member only where it must."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.runs.fingerprints import _models
from scorers.checks import Checks
from scorers.conformance import check_scorer
from scorers.ensemble import Combine, Ensemble
from scorers.prm import PRM
from search import Cost, Kind, KindError, Scored, ScoreError, Step

STEPS = [Step("a\n\n"), Step("b\n\n"), Step("c")]


@dataclass(frozen=True)
class Fixed:
    """Gives the same scores whatever it is asked, at a cost of ten tokens, and counts how often."""

    scores: tuple[float, ...]
    kind: Kind = Kind.CORRECTNESS
    asked: list[int] = field(default_factory=list)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        self.asked.append(since)
        return Scored(self.scores[since : len(steps)], Cost(computed=10, calls=1, flops=100.0))


def ask(ensemble: Ensemble, since: int = 0) -> Scored:
    return asyncio.run(ensemble.score("", STEPS, since))


@pytest.mark.parametrize(
    ("rule", "scores"),
    [("mean", [0.5, 0.6, 0.4]), ("min", [0.1, 0.4, 0.3]), ("product", [0.09, 0.32, 0.15]), ("vote", [0.5, 0.5, 0.25])],
)
def test_rules(rule: str, scores: list[float]):
    scored = ask(Ensemble((Fixed((0.9, 0.4, 0.5)), Fixed((0.1, 0.8, 0.3))), Combine(rule)))
    assert scored.scores == pytest.approx(scores)
    assert scored.cost == Cost(computed=20, calls=2, flops=200.0)


def test_only_what_is_new_is_judged():
    assert ask(Ensemble((Fixed((0.9, 0.4, 0.5)), Fixed((0.1, 0.8, 0.3)))), since=1).scores == pytest.approx([0.6, 0.4])


def test_the_costly_member_is_asked_where_the_cheap_one_is_unsure():
    cheap, costly = Fixed((0.9, 0.5, 0.1)), Fixed((0.3, 0.7, 0.6))
    ensemble = Ensemble((cheap, costly), Combine.TIERED)
    assert ask(ensemble).scores == [0.9, 0.7, 0.1]
    assert ask(ensemble, since=2).scores == [0.1], "which the cheap one is sure of"
    assert (cheap.asked, costly.asked) == ([0, 2], [0])


def test_increments_are_brought_to_a_probability():
    both = Ensemble((Fixed((0.0, 100.0, -100.0), Kind.ADDITIVE), Fixed((0.5, 1.0, 0.0))), Combine.PRODUCT)
    assert ask(both).scores == pytest.approx([0.25, 1, 0])
    small = Ensemble((Fixed((0.001, -0.001, 0.0), Kind.ADDITIVE), Fixed((0.5, 0.5, 0.5))), Combine.MIN, unit=0.001)
    assert ask(small).scores == pytest.approx([0.5, 1 / (1 + math.e), 0.5])


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(KindError, match="Fixed is of kind outcome; an ensemble takes scores of steps"):
        Ensemble((Fixed((1.0,)), Fixed((1.0,), Kind.OUTCOME)))
    with pytest.raises(ScoreError, match="returned nan"):
        ask(Ensemble((Fixed((0.1, float("nan"), 0.2)), Fixed((0.1, 0.1, 0.1)))))


def test_it_keeps_the_promises_of_a_scorer(random_prm: str):
    for rule in Combine:
        check_scorer(Ensemble((Checks(), PRM(random_prm)), rule))


def test_it_is_composed_on_the_command_line():
    words = ["scorer=ensemble", "scorer.members=prm,checks,'tests.plugins:Picky'", "scorer.rule=min"]
    words += ["scorer.args.prm.model=./there", "scorer.args.checks.unknown=0.7", "scorer.args.Picky.hated=x"]
    made = build(compose(Solve, words)["scorer"])
    assert made.of[:2] == (PRM(model="./there"), Checks(unknown=0.7)) and made.rule is Combine.MIN
    two = [
        "scorer=ensemble",
        "scorer.members=prm@one,prm@two",
        "scorer.args.one.model=./a",
        "scorer.args.two.model=./b",
    ]
    made = build(compose(Solve, ["scorer=ensemble", *two])["scorer"])
    assert [member.model for member in made.of] == ["./a", "./b"]
    assert len({*dict(_models("scorer", made))}) == 2, "each has a fingerprint of its own"
