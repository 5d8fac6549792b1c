"""`stepsearch.solve`: searches one question, in scripts and notebooks alike."""

from typing import Any

from experiments.api.arguments import Knobs, knob_overrides, name_overrides
from experiments.api.blocking import blocking
from experiments.api.solved import Solved
from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError
from experiments.runs.grid import rescaled
from experiments.runs.preflight import ready, with_ends
from experiments.runs.stopping import until_stopped
from scorers.custom import adapt
from search.answers.answers import Answers
from search.answers.extraction import Extraction
from search.answers.graders import Grader
from search.answers.selection import Selection
from search.door import check_arguments, check_role, is_full
from search.protocols import Policy, Scorer
from search.solve import Searcher
from search.solve import solve as search_tree
from search.tree import Tree
from search.tree.cost import Budget

STOPPED = 128
"""Exit codes above are those of a signal."""


def solve(
    question: str,
    search: str | Searcher = "mcts",
    *,
    policy: str | Policy = "tiny",
    scorer: str | Scorer | object = "tiny-prm",
    n: int | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    second: str | Scorer | None = None,
    selection: str | Selection = "weighted",
    answer: str | Extraction = "boxed",
    grader: str | Grader = "math_verify",
    knobs: Knobs | None = None,
) -> Solved:
    """Searches one question and returns its solution, which shows itself.

    Each part is an object, or a text: a name of the command line (`search="beam"`, `policy="vllm"`), a class of one's
    own (`scorer="mine:Careful"`), for policy and scorer also a model (`policy="Qwen/Qwen2.5-Math-1.5B-Instruct"`). A
    scorer needs only the one documented method. `n` sets the searcher's scale (`n`, `simulations`); `knobs` are others
    of the command line, {"policy.temperature": 0.8}. Works where an event loop runs, too; the coroutine is
    `search.solve`. Raises ValueError, in words, for a wrong argument.
    """
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"the question is {question!r:.60}; give a text")
    parts = {"search": search, "policy": policy, "scorer": scorer, "second": second}
    parts |= {"selection": selection, "answer": answer, "grader": grader}
    run = _built(parts, seed, knobs)
    searcher = run.search if n is None else rescaled("search", run.search, n, "n")
    check_arguments(question, searcher, run.policy, run.scorer, budget, run.second)
    asked = _Asked(question.strip(), searcher, with_ends(run.policy, run.answer), run, budget)
    return blocking(asked.run)


class _Asked:
    """One search that is ready to run."""

    def __init__(self, question: str, searcher: Searcher, policy: Policy, run: Solve, budget: Budget | None) -> None:
        self.searcher, self.policy, self.settings = searcher, policy, run
        self.budget = budget or run.budget
        self.tree, self.answers = Tree(question, run.seed), Answers(run.answer, run.grader)

    def run(self) -> Solved:
        """Raises KeyboardInterrupt where it was stopped, and what policy, scorer or searcher raise."""
        run, tree = self.settings, self.tree
        ready(tree.question, self.searcher, self.policy, run.scorer, run.selection, run.second)
        stop = until_stopped(self._search())
        if stop and stop.code > STOPPED:
            raise KeyboardInterrupt(stop.why)
        if stop:
            raise RunError(stop.why)
        return Solved(tree, run.selection, run.selection(tree))

    async def _search(self) -> None:
        run, tree = self.settings, self.tree
        searched = (tree.question, self.searcher, self.policy, run.scorer, self.budget)
        await search_tree(*searched, tree=tree, second=run.second, answers=self.answers)


def _built(parts: dict[str, Any], seed: int, knobs: Knobs | None) -> Solve:
    """The knobs of a search, with the objects that were given in the places of the built ones."""
    words = [f"seed={seed}"]
    objects: dict[str, Any] = {}
    for group, value in parts.items():
        if isinstance(value, str):
            words += name_overrides(group, value)
        elif value is not None or group != "second":
            objects[group] = _checked(group, value)
    for name in knobs or {}:
        if name.partition(".")[0] in objects:
            raise ConfigError(f"knobs: {name} is a knob of {name.partition('.')[0]}, which was given as an object")
    config = compose(Solve, [*words, *knob_overrides(knobs)])
    for group in objects:
        config[group] = None
    run: Solve = build(config)
    for group, value in objects.items():
        object.__setattr__(run, group, value)
    return run


def _checked(group: str, value: Any) -> Any:
    """The object, a scorer with what it leaves out of the protocol. Raises KnobError, ScorerError or ConfigError."""
    kinds: dict[str, type] = {"selection": Selection}
    if group in kinds and not isinstance(value, kinds[group]):
        raise ConfigError(f"{group} is {value!r:.60}; give a name or a {kinds[group].__name__}")
    if group in ("answer", "grader"):
        method = {"answer": "extract", "grader": "same"}[group]
        if isinstance(value, type) or not callable(getattr(value, method, None)):
            raise ConfigError(f"{group} is {value!r:.60}; give a name or an object with the method {method}")
    if group in ("scorer", "second") and not isinstance(value, type) and not is_full(value):
        return adapt(value) if hasattr(value, "score") or hasattr(value, "score_many") else check_role("scorer", value)
    if group in ("search", "policy", "scorer", "second"):
        role = {"search": "searcher", "second": "scorer"}.get(group, group)
        check_role(role, value, group)
    return value
