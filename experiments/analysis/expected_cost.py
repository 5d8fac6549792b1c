"""The expected cost of k of n independent samples, over all subsets of k."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from experiments.analysis.pass_at_k import pass_at_k
from experiments.runs.results import Sharing
from search.tree.cost import Ledger


class Tokens(NamedTuple):
    computed: float
    cached: float


def expected_cost(ledger: Ledger, n: int, k: int, sharing: Sharing | None = None) -> Ledger:
    """The ledger of k of n samples, from that of all n. Unknown costs stay unknown; seconds are known only for k = n.

    Without `sharing` the scorer's cost is proportional to k.
    """
    costs = _Costs(Ledger._make(math.nan if value is None else value for value in ledger), n, sharing)
    every, prompt, read = costs.ledger, costs.prompt(k), costs.read(k)
    scorer_flops = every.scorer_flops * _ratio(read.computed, every.scorer_tokens_computed)  # pyright: ignore
    policy_tokens = costs.written(k) + prompt.computed, every.generated_tokens + every.prompt_tokens_computed
    values = {
        "samples": every.samples * k / n,
        "generated_tokens": costs.written(k),
        "unique_tokens": costs.question + k * (every.unique_tokens - costs.question) / n,
        "prompt_tokens_computed": prompt.computed,
        "prompt_tokens_cached": prompt.cached,
        "scorer_tokens_computed": read.computed,
        "scorer_tokens_cached": read.cached,
        "policy_calls": every.policy_calls * k / n,
        "scorer_calls": every.scorer_calls * costs.scored(k),
        "flops": scorer_flops + (every.flops - every.scorer_flops) * _ratio(*policy_tokens),  # pyright: ignore
        "scorer_flops": scorer_flops,
        "seconds": every.seconds if k == n else math.nan,  # samples are generated in parallel
    }
    known = {name: None if math.isnan(value) else value for name, value in values.items()}
    return Ledger(**known, at_least=ledger.at_least)  # pyright: ignore


@dataclass(frozen=True)
class _Costs:
    """The parts of an expected ledger, as functions of k; NaN where they are unknown."""

    ledger: Ledger
    n: int
    sharing: Sharing | None

    @property
    def question(self) -> float:
        """Tokens of the question: unique - generated tokens; 0 where they are unknown."""
        difference = self.ledger.unique_tokens - self.ledger.generated_tokens
        return max(difference, 0) if math.isfinite(difference) else 0.0

    def written(self, k: int) -> float:
        """Generated tokens: G k / n."""
        return self.ledger.generated_tokens * k / self.n

    def prompt(self, k: int) -> Tokens:
        """Prompt tokens. The s = cached / (n - 1) tokens that every sample shares are computed once.

        computed(k) = s + k (computed - s) / n, cached(k) = (k - 1) s
        """
        computed, cached = self.ledger.prompt_tokens_computed, self.ledger.prompt_tokens_cached
        shared = cached / max(self.n - 1, 1)
        return Tokens(shared + k * (computed - shared) / self.n, (k - 1) * shared)

    def read(self, k: int) -> Tokens:
        """Scorer tokens. Each different solution is read once; with a prefix cache each different step is.

        total(k) = total T(k) / T(n), T: tokens of the different solutions among k, each with the question
        computed(k) = computed T(k) / T(n), with a cache computed S(k) / S(n), S: question and different steps among k
        """
        computed, cached = self.ledger.scorer_tokens_computed, self.ledger.scorer_tokens_cached
        solutions = [(m, tokens + self.question * count) for m, count, tokens in self._sharing.solutions]
        share = self._among(solutions, k)
        total, new = (computed + cached) * share, computed * share
        if cached and self._sharing.steps:
            steps = [self.question + self._different(self._sharing.steps, size) for size in (k, self.n)]
            new = min(computed * steps[0] / steps[1], total)
        return Tokens(new, total - new)

    def scored(self, k: int) -> float:
        """The share of the scorer's calls: D(k) / D(n), D: the number of different solutions among k."""
        return self._among([(m, count) for m, count, _ in self._sharing.solutions], k)

    @property
    def _sharing(self) -> Sharing:
        return self.sharing or Sharing([], [(1, self.n, 0)])

    def _among(self, rows: Sequence[tuple[int, float]], k: int) -> float:
        """The expected part of `_different` among k samples; k / n where there is nothing to count."""
        every = self._different(rows, self.n)
        return self._different(rows, k) / every if every else k / self.n

    def _different(self, rows: Sequence[tuple[int, float]], k: int) -> float:
        """The sum over (m, size) of size (1 - C(n - m, k) / C(n, k)): what m of n samples have, met among k of them."""
        return sum(size * pass_at_k(self.n, m, k) for m, size in rows)


def _ratio(part: float, total: float) -> float:
    return part / total if total else 0.0
