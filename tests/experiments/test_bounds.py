"""Every bound of a scorer's, a problem set's or a command's knob: the value beyond it and the knob are named."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from experiments.commands.estimate import Estimate
from experiments.commands.judge import Judge
from experiments.commands.plan import Plan
from experiments.commands.sweep import Sweep
from experiments.config.custom import CustomProblems, CustomScorer
from experiments.config.registry import GROUPS
from experiments.problems.completions import Completions
from experiments.problems.labelled import Labelled, PRMBench, ProcessBench
from experiments.problems.published import Gsm8k
from experiments.problems.sets import Arithmetic, Jsonl
from experiments.problems.tables import Csv
from experiments.tiny.noisy import Noisy
from scorers.checks import Checks
from scorers.critic import Critic
from scorers.cross_check import CrossCheck
from scorers.ensemble import Ensemble
from scorers.implicit import Implicit
from scorers.outcome import Outcome
from scorers.prm import PRM, LMHeadPRM, TokenClassification, ValueHead
from scorers.programs import Programs
from scorers.self_judge import SelfJudge
from scorers.toy import Toy
from search import KnobError

two = partial(Ensemble, (Checks(), Checks()))
BOUNDS: list[tuple[Callable[..., Any], str, Any, str]] = [
    (Arithmetic, "limit", 0, "Arithmetic.limit is 0; it must be >= 1"),
    (Arithmetic, "limit", -1, "Arithmetic.limit is -1"),
    (Arithmetic, "count", 0, "Arithmetic.count is 0"),
    (Arithmetic, "min_level", 0, "Arithmetic.min_level is 0"),
    (Arithmetic, "max_level", 6, "Arithmetic.max_level is 6"),
    (partial(Arithmetic, min_level=4), "max_level", 3, "Arithmetic.max_level is 3; it must be >= 4"),
    (Jsonl, "limit", 0, "Jsonl.limit is 0"),
    (Csv, "separator", "ab", "Csv.separator is 'ab'; it must be one character"),
    (partial(CustomProblems, "mine:Own"), "limit", 0, "CustomProblems.limit is 0"),
    (Gsm8k, "limit", 0, "Gsm8k.limit is 0"),
    (Labelled, "limit", 0, "Labelled.limit is 0"),
    (ProcessBench, "limit", 0, "ProcessBench.limit is 0"),
    (PRMBench, "limit", 0, "PRMBench.limit is 0"),
    (Completions, "limit", 0, "Completions.limit is 0"),
    (PRM, "batch_size", 0, "PRM.batch_size is 0"),
    (Outcome, "batch_size", 0, "Outcome.batch_size is 0"),
    (LMHeadPRM, "batch_size", 0, "LMHeadPRM.batch_size is 0"),
    (ValueHead, "batch_size", 0, "ValueHead.batch_size is 0"),
    (TokenClassification, "batch_size", 0, "TokenClassification.batch_size is 0"),
    (Implicit, "beta", 0, "Implicit.beta is 0; it must be > 0"),
    (Implicit, "batch_size", 0, "Implicit.batch_size is 0"),
    (Critic, "samples", 0, "Critic.samples is 0"),
    (Critic, "max_tokens", 0, "Critic.max_tokens is 0"),
    (Critic, "temperature", 3, "Critic.temperature is 3"),
    (Critic, "prompt", "{question} {step}", "scorer.prompt lacks {earlier}"),
    (Checks, "unknown", 2, "Checks.unknown is 2; it must be >= 0 and <= 1"),
    (Programs, "unknown", 2, "Programs.unknown is 2"),
    (Programs, "seconds", 0, "Programs.seconds is 0"),
    (CrossCheck, "samples", 0, "CrossCheck.samples is 0"),
    (CrossCheck, "doubt", 2, "CrossCheck.doubt is 2"),
    (CrossCheck, "seconds", 0, "CrossCheck.seconds is 0"),
    (SelfJudge, "yes", " ", "SelfJudge.yes is empty; give it words"),
    (Noisy, "error", -1.0, "Noisy.error is -1.0"),
    (partial(CustomScorer, "mine:Own"), "timeout", 0, "CustomScorer.timeout is 0; it must be > 0"),
    (Toy, "branch", 11, "Toy.branch is 11"),
    (Toy, "depth", 0, "Toy.depth is 0"),
    (Toy, "error", -1, "Toy.error is -1"),
    (two, "low", 0.9, "Ensemble.low is 0.9"),
    (two, "high", 1.5, "Ensemble.high is 1.5"),
    (two, "unit", 0, "Ensemble.unit is 0"),
    (Ensemble, "of", (Checks(),), "scorer.members: an ensemble has two members or more, not 1"),
    (Estimate, "share", 2, "Estimate.share is 2"),
    (Estimate, "draws", 1, "Estimate.draws is 1"),
    (Estimate, "seed", -1, "Estimate.seed is -1"),
    (Plan, "budget", 0, "Plan.budget is 0; it must be > 0"),
    (Plan, "seed", -1, "Plan.seed is -1"),
    (Judge, "concurrency", 0, "Judge.concurrency is 0"),
    (Sweep, "concurrency", 0, "Sweep.concurrency is 0"),
    (Sweep, "max_errors", -1, "Sweep.max_errors is -1"),
    (Sweep, "seeds", [], "Sweep.seeds is []; give at least one seed, and each only once"),
    (Sweep, "seeds", [1, 1], "Sweep.seeds is [1, 1]"),
]


@pytest.mark.parametrize(("make", "knob", "value", "message"), BOUNDS, ids=[f"{m} {v}" for _, _, v, m in BOUNDS])
def test_a_value_out_of_bounds_is_named(make: Callable[..., Any], knob: str, value: Any, message: str):
    with pytest.raises(KnobError, match=re.escape(message)):
        make(**{knob: value})


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (PRM(model=""), "scorer.model: name a folder or a hub model"),
        (Outcome(), "scorer.model: name a folder or a hub model"),
        (Critic(), "scorer.model: name a folder or a hub model"),
        (Implicit(), "scorer.model: name a folder or a hub model"),
        (Implicit(model="tiny"), "scorer.reference: name a folder or a hub model"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value.partition(":")[0],
)
def test_a_model_that_must_be_named(scorer: Any, message: str):
    with pytest.raises(KnobError, match=re.escape(message)):
        scorer.load()


def test_the_matrix_has_every_class_with_bounds():
    bounds = {getattr(getattr(make, "func", make), "__post_init__", None) for make, *_ in BOUNDS}
    classes = [cls for group in ("problems", "data", "scorer") for cls in GROUPS[group].values()]
    missing = [cls.__name__ for cls in classes if getattr(cls, "__post_init__", None) not in {None, *bounds}]
    assert not missing
