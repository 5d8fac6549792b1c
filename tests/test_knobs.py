"""Bounds: a knob out of them is an error that names the class, the knob, its value and what it must be."""

import math
from typing import Any

import pytest

from policies.engines.ends import Limits
from policies.hf import HF
from policies.openai import OpenAI
from policies.toy import Toy
from policies.vllm import VLLM
from scorers.toy import Toy as ToyScorer
from search import (
    ABMCTS,
    DVTS,
    MCTS,
    PDR,
    RSA,
    Again,
    BackOff,
    Backtracking,
    Beam,
    BestFirst,
    BestOfN,
    Budget,
    DeepConf,
    DiverseBeam,
    EntropicFilter,
    GenSelect,
    Gumbel,
    KnobError,
    Lookahead,
    ParticleFilter,
    ParticleGibbs,
    Rebase,
    Refinement,
    ThinkingBudget,
)
from search.algorithms.particle_filter import Weighting
from search.answers.equivalence import Equivalence

OUT_OF_BOUNDS = [
    (BestOfN, "n", 0, ">= 1"),
    (BestOfN, "n", "many", ">= 1"),
    (Beam, "n", 0, ">= 1"),
    (Beam, "branch", 0, ">= 1"),
    *((each, "every", 0, ">= 1") for each in (Beam, MCTS, ParticleFilter)),
    (MCTS, "simulations", 0, ">= 1"),
    (MCTS, "widening", 0.0, "> 0"),
    (MCTS, "c_puct", -1.0, ">= 0"),
    (MCTS, "in_flight", 0, ">= 1"),
    (ParticleFilter, "n", 0, ">= 1"),
    (ParticleFilter, "threshold", 1.1, ">= 0 and <= 1"),
    (ParticleFilter, "threshold", -0.1, ">= 0 and <= 1"),
    (ParticleFilter, "temperature", 0.0, "> 0"),
    (ParticleFilter, "temperature", math.nan, "> 0"),
    (ParticleGibbs, "n", 1, ">= 2"),
    (ParticleGibbs, "iterations", 0, ">= 1"),
    (ParticleGibbs, "temperature", 0.0, "> 0"),
    (EntropicFilter, "n", 0, ">= 1"),
    (EntropicFilter, "threshold", 1.1, ">= 0 and <= 1"),
    (EntropicFilter, "horizon", 0, ">= 1"),
    (EntropicFilter, "temperature", 0.0, "> 0"),
    (ABMCTS, "simulations", 0, ">= 1"),
    (Gumbel, "n", 0, ">= 1"),
    (Gumbel, "considered", 0, ">= 1"),
    (Gumbel, "drawn", 0, ">= 1"),
    (Gumbel, "c_scale", -1.0, ">= 0"),
    (Rebase, "n", 0, ">= 1"),
    (Rebase, "temperature", 0.0, "> 0"),
    (Rebase, "temperature", math.nan, "> 0"),
    (DVTS, "n", 0, ">= 1"),
    (DVTS, "branch", 0, ">= 1"),
    *((Lookahead, knob, 0, ">= 1") for knob in ("n", "branch", "ahead")),
    *((BestFirst, knob, 0, ">= 1") for knob in ("n", "branch", "expansions")),
    *((BackOff, knob, 0, ">= 1") for knob in ("n", "branch")),
    (BackOff, "backups", -1, ">= 0"),
    (BackOff, "threshold", math.nan, ">= -inf"),
    *((RSA, knob, 0, ">= 1") for knob in ("n", "k")),
    (RSA, "rounds", -1, ">= 0"),
    (PDR, "n", 0, ">= 1"),
    (PDR, "rounds", -1, ">= 0"),
    (Refinement, "n", 0, ">= 1"),
    (Refinement, "rounds", -1, ">= 0"),
    (GenSelect, "n", 0, ">= 1"),
    (GenSelect, "k", 1, ">= 2"),
    (GenSelect, "readings", 0, ">= 1"),
    *((Backtracking, knob, 0, ">= 1") for knob in ("n", "branch", "subpool", "rounds")),
    *((DiverseBeam, knob, 0, ">= 1") for knob in ("n", "branch", "groups")),
    *((DiverseBeam, "strength", wrong, ">= 0") for wrong in (-0.1, math.nan)),
    *((DeepConf, knob, 0, ">= 1") for knob in ("n", "warmup", "window")),
    *((DeepConf, "keep", value, "> 0 and <= 1") for value in (0.0, 1.1)),
    *((ThinkingBudget, knob, 0, ">= 1") for knob in ("tokens", "every")),
    (Again, "times", 0, ">= 1"),
    (Again, "sure", 1.1, ">= 0 and <= 1"),
    (Again, "sure", -0.1, ">= 0 and <= 1"),
    *((Budget, limit, 0, "> 0") for limit in ("samples", "generated_tokens", "flops", "seconds")),
    *((Limits, limit, 0, ">= 1") for limit in ("max_steps", "max_step_tokens", "max_tokens")),
    (Equivalence, "seconds", 0.0, "> 0 and <= 3600"),
    (Equivalence, "seconds", math.nan, "> 0 and <= 3600"),
    (Equivalence, "seconds", 4000.0, "> 0 and <= 3600"),
    (Equivalence, "workers", 0, ">= 1"),
    *((toy, "branch", wrong, ">= 1 and <= 10") for toy in (Toy, ToyScorer) for wrong in (0, 11)),
    *((toy, "depth", wrong, ">= 1 and <= 6") for toy in (Toy, ToyScorer) for wrong in (0, 7)),
    (ToyScorer, "error", -1, ">= 0"),
    *((HF, "temperature", wrong, ">= 0 and <= 10") for wrong in (-0.5, 11.0)),
    *((VLLM, "temperature", wrong, ">= 0 and <= 2") for wrong in (-0.5, 3.0)),
    *((policy, "top_p", wrong, "> 0 and <= 1") for policy in (HF, VLLM) for wrong in (0.0, 1.5)),
    *((policy, "top_k", -1, ">= 0") for policy in (HF, VLLM)),
    (HF, "batch_size", 0, ">= 1"),
    (VLLM, "gpu", -1, ">= 0"),
    (VLLM, "gpu_memory", 1.0, "> 0 and <= 0.95"),
    (VLLM, "gpu_memory", 0.0, "> 0 and <= 0.95"),
    (VLLM, "cache_gb", 0.0, "> 0"),
    (VLLM, "max_num_seqs", 0, ">= 1"),
    (VLLM, "context", 1, ">= 2"),
    (VLLM, "patience", 0.0, "> 0"),
    (OpenAI, "patience", 0.0, "> 0"),
    (OpenAI, "max_num_seqs", 0, ">= 1"),
    *((OpenAI, "temperature", wrong, ">= 0 and <= 2") for wrong in (-0.5, 3.0)),
    (OpenAI, "top_p", 0.0, "> 0 and <= 1"),
]


@pytest.mark.parametrize(("owner", "knob", "value", "bounds"), OUT_OF_BOUNDS)
def test_a_knob_out_of_its_bounds_is_an_error_that_says_so(owner: Any, knob: str, value: float, bounds: str) -> None:
    with pytest.raises(KnobError) as error:
        owner(**{knob: value})
    shown = repr(value) if isinstance(value, str) else value
    assert str(error.value) == f"{owner.__name__}.{knob} is {shown}; it must be {bounds}"


@pytest.mark.parametrize("policy", [HF, VLLM])
def test_a_policy_checks_its_limits(policy: Any) -> None:
    for limit in ("max_steps", "max_step_tokens", "max_tokens"):
        with pytest.raises(KnobError, match=rf"Limits\.{limit} is 0"):
            policy(**{limit: 0})


def test_knobs_that_depend_on_each_other() -> None:
    assert ParticleFilter().threshold == ParticleFilter(weighting=Weighting.CURRENT).threshold == 1
    with pytest.raises(KnobError, match=r"ParticleFilter\.threshold is 0\.5; under weighting=current it must be 1"):
        ParticleFilter(weighting=Weighting.CURRENT, threshold=0.5)
