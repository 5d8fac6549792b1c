"""The cells of a sweep, each a searcher at a scale or budget with a policy, and the jobs made of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, NamedTuple

from experiments.problems.sets import Problem
from experiments.runs.results import CellKey, Key
from search.algorithms.best_of_n import BestOfN
from search.answers.answers import Answers
from search.errors import KnobError
from search.protocols import Policy, Scorer
from search.solve import Job, Searcher
from search.tree.cost import Budget
from search.tree.tree import DRAWS

GREEDY = "greedy"


DEFAULT_BUDGETS = (1, 4, 16)
MOST = 1024
"""the largest scale that a swept limit opens; each sample of a search is a task in memory"""


@dataclass(frozen=True)
class Budgets:
    """Limits of every search. At most one is a list; the sweep runs every search with each of its values."""

    samples: Any = None
    """finished or truncated solutions"""
    generated_tokens: Any = None
    """tokens that the policy writes"""
    flops: Any = None
    """FLOPs of both models"""
    seconds: Any = None
    """wall-clock seconds of a search, under the sweep's own load"""

    def __post_init__(self) -> None:
        if len(self.lists) > 1:
            raise KnobError(f"{' and '.join(f'budget.{name}' for name in self.lists)} are lists; sweep one of them")
        _ = self.caps, self.points

    @property
    def lists(self) -> dict[str, list[Any]]:
        return {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), list)}

    @property
    def caps(self) -> Budget:
        """The limits that hold in every cell."""
        single = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in self.lists}
        given: dict[str, Any] = {name: _number(name, value) for name, value in single.items() if value is not None}
        return Budget(**given)

    @property
    def points(self) -> list[dict[str, float]]:
        """The swept limit at each of its values: [{"flops": 1e9}, ...]; none where no limit is swept."""
        points = [{name: _number(name, value)} for name, values in self.lists.items() for value in values]
        for point in points:
            replace(self.caps, **point)  # pyright: ignore[reportArgumentType] # for its bounds
        return points


def _number(name: str, value: Any) -> float:
    """A limit as a number: tokens and samples are whole. Raises KnobError."""
    integral = name in ("samples", "generated_tokens")
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and (not integral or value == int(value))
    if not good:
        raise KnobError(f"budget.{name} is {value!r}; give a {'whole ' * integral}number, or a list of them")
    return int(value) if integral else float(value)


@dataclass(frozen=True)
class Cell:
    """One setting of a sweep, with the objects that run it.

    `n` is the value of the searcher's scale knob, `limit` the swept budget (empty where n is swept), `smaller` the
    numbers of independent samples that are estimated from this cell.
    """

    searcher: str
    n: int
    search: Searcher
    policy: Policy
    budget: Budget
    limit: dict[str, float] = field(default_factory=dict)
    smaller: tuple[int, ...] = ()

    @property
    def key(self) -> CellKey:
        return CellKey(self.searcher, self.n, tuple(self.limit.items()))


def cells(
    searchers: Mapping[str, Searcher],
    policy: Policy,
    budgets: Sequence[int] | None,
    budget: Budgets,
    opens: bool = True,
) -> list[Cell]:
    """The greedy cell where the policy has a greedy form, then every searcher at each of the budgets or limits.

    Under a swept limit the scale is `opened`, unless `opens` is False, as in runs from before it was. Only the largest
    budget runs where samples are independent and unlimited; smaller ones are estimated from it. Raises
    KnobError where both are swept, or where a searcher's own bounds forbid a value.
    """
    if budgets and budget.points:
        (name,) = budget.lists
        raise KnobError(f"budgets and budget.{name} are both lists; sweep one of them")
    first = greedy(policy)
    grid = [] if first is None else [Cell(GREEDY, 1, BestOfN(1), first, budget.caps)]
    for name, search in searchers.items():
        if budget.points:
            for point in budget.points:
                limit = replace(budget.caps, **point)  # pyright: ignore[reportArgumentType]
                scaled = opened(search, limit) if opens else search
                grid.append(Cell(name, getattr(scaled, scaled.scale), scaled, policy, limit, point))
        else:
            wanted = sorted(set(budgets or DEFAULT_BUDGETS))
            if getattr(search, "independent", False) and budget.caps == Budget():
                largest = rescaled(name, search, wanted[-1])
                grid.append(Cell(name, wanted[-1], largest, policy, budget.caps, smaller=tuple(wanted[:-1])))
            else:
                scaled = [(n, rescaled(name, search, n)) for n in wanted]
                grid += [Cell(name, n, search, policy, budget.caps) for n, search in scaled]
    return grid


def opened(search: Searcher, limit: Budget) -> Searcher:
    """The searcher with a scale as large as the limit can pay for, so that it is the limit that ends the search.

    Only where its samples or its steps come one after the other (`independent`, `anytime`), and its scale knob has its
    default: one that was typed holds. The n of a beam is its width, which a limit does not tell.
    """
    if not (getattr(search, "independent", False) or getattr(search, "anytime", False)) or not is_dataclass(search):
        return search
    knob = next((knob for knob in fields(search) if knob.name == search.scale), None)
    n = getattr(search, search.scale)
    if knob is None or n != knob.default:
        return search
    counted = [value for value in (limit.samples, limit.generated_tokens) if value is not None]
    return replace(search, **{search.scale: max(1, min([*counted, MOST]))})  # pyright: ignore


def rescaled(name: str, search: Searcher, n: int, knob: str = "budgets") -> Searcher:
    """The searcher with its scale knob at n, which `knob` gave.

    Raises KnobError where it has no such knob or does not allow n.
    """
    if not is_dataclass(search) or search.scale not in {knob.name for knob in fields(search)}:
        raise KnobError(f"{name}: budgets set the knob named by `scale`; make the searcher a dataclass that has it")
    try:
        return replace(search, **{search.scale: n})  # pyright: ignore[reportReturnType, reportArgumentType]
    except KnobError as error:
        raise KnobError(f"{knob}={n!r} does not fit {name}: {error}") from error


def greedy(policy: Policy) -> Policy | None:
    """The policy that its method `greedy()` gives, or itself with its knob `temperature` at 0; None without either."""
    own: Callable[[], Policy] | None = getattr(policy, "greedy", None)
    if own is not None:
        return own()
    if is_dataclass(policy) and "temperature" in {knob.name for knob in fields(policy)}:
        return replace(policy, temperature=0.0)  # pyright: ignore[reportReturnType, reportCallIssue]
    return None


class Name(NamedTuple):
    """A job: the `place`-th problem under a cell, with a seed."""

    place: int
    problem: Problem
    cell: Cell
    seed: int

    @property
    def key(self) -> Key:
        return Key(self.problem.id, self.cell.key, self.seed)


def names(problems: Sequence[Problem], grid: Sequence[Cell], seeds: Sequence[int]) -> Iterator[Name]:
    """All searches of a sweep, problem by problem; greedy decoding runs once, under the first seed."""
    for place, problem in enumerate(problems):
        for seed in seeds:
            for cell in grid:
                if cell.searcher != GREEDY or seed == seeds[0]:
                    yield Name(place, problem, cell, seed)


def jobs(
    work: Iterable[Name],
    scorer: Scorer,
    draws: int = DRAWS,
    second: Scorer | None = None,
    answers: Answers | None = None,
) -> Iterator[Job]:
    """The jobs for `solve_all`, without the gold answers."""
    for name in work:
        cell = name.cell
        yield Job(
            name.problem.question,
            cell.search,
            cell.policy,
            scorer,
            cell.budget,
            name.seed,
            name,
            draws,
            second,
            answers,
        )
