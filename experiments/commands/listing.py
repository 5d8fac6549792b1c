"""Lists what can be chosen: searchers, scorers, policies, models or problem sets, a line each.

usage: stepsearch list [searchers|scorers|policies|models|problems]

    stepsearch list
    stepsearch list scorers
"""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from experiments.config.compose import compose
from experiments.config.knobs import summary
from experiments.config.registry import GROUPS
from experiments.errors import ConfigError, one_of
from policies.engines.models import SHIPPED
from policies.presets import PRESETS as POLICIES
from policies.presets import typed
from scorers.checkpoints.presets import PRESETS

_NAMES, _WIDTH = 22, 80


@dataclass(frozen=True)
class List:
    """The knobs of `stepsearch list`: it has none."""


def main(kind: str | None = None, overrides: Sequence[str] = ()) -> int:
    compose(List, overrides)
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"list {kind}: no such kind; choose from {one_of(KINDS, kind)}")
    chosen = KINDS if kind is None else {kind: KINDS[kind]}
    parts = ["\n".join([f"{heading(name)}:", *lines()]) for name, lines in chosen.items()]
    print("\n\n".join(parts))
    return 0


def heading(kind: str) -> str:
    """The kind, and how one of it is chosen."""
    return f"{kind} ({KNOBS[kind]})"


def _choices(group: str) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        for name, cls in GROUPS[group].items():
            yield from _line(name, summary(cls))

    return lines


def _models() -> Iterator[str]:
    """The shipped models, then policies by the knobs that their name sets, reward models by those that read them."""
    for name in SHIPPED:
        knob = "scorer.model" if name.endswith("prm") else "policy.model"
        yield from _line(name, f"shipped, {knob}={name}")
    yield "  policies whose name sets these knobs, policy.model=NAME:"
    for known in POLICIES.values():
        yield from _line(known.family, typed(known.knobs.items()))
        if known.silent:
            yield from _line("", f"policy.template.enable_thinking=false: {typed(known.silent.items())}")
    yield "  reward models:"
    for name, preset in PRESETS.items():
        yield from (f"  {name}", *_line("", f"{preset.words} scorer.model={name}"))


def _line(name: str, prose: str) -> Iterator[str]:
    wrapped = textwrap.wrap(prose, _WIDTH - _NAMES - 2, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"  {name:<{_NAMES}}{wrapped[0]}".rstrip()
    yield from (" " * (_NAMES + 2) + line for line in wrapped[1:])


KINDS: dict[str, Callable[[], Iterator[str]]] = {
    "searchers": _choices("search"),
    "scorers": _choices("scorer"),
    "policies": _choices("policy"),
    "models": _models,
    "problems": _choices("problems"),
}
KNOBS = {
    "searchers": "search=NAME; in a sweep searchers=NAME,NAME",
    "scorers": "scorer=NAME",
    "policies": "policy=NAME",
    "models": "any other folder or name on the Hub will do: policy.model=NAME",
    "problems": "problems=NAME",
}
