"""Typed actions: what a step may be, each told to the policy by a prompt of its own.

rStar (arXiv 2408.06195) and BEATS (2409.17972). The file has JSON lines, in the order in which they are tried:

{"name": "rephrase", "prompt": "First say the problem again in your own words.", "after": ["start"]}
{"name": "step", "prompt": "Write the next step of the solution, and only it."}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from search.algorithms.levels import extend_each
from search.algorithms.puct import puct
from search.errors import KnobError
from search.grow import Grower
from search.json_lines import check_commands, json_lines
from search.protocols import Ask
from search.tree import Node

START = "start"
"""What the first step comes after, as `after` names it."""
_FIELDS = ("name", "prompt", "after")


class Action(NamedTuple):
    """A kind of step."""

    name: str
    """recorded on the step"""
    prompt: str
    """goes into the request's prompt, behind the question, and not into the path"""
    after: frozenset[str] | None = None
    """what it may follow: actions, and `start`; None: anything"""

    @property
    def ask(self) -> Ask:
        return Ask(action=self.name, hint=self.prompt)


@dataclass(frozen=True)
class Actions:
    """The actions of a file, each of another name; each of them, and the start, is followed by at least one."""

    of: tuple[Action, ...]

    def legal(self, node: Node) -> list[Action]:
        """Those that may come next, in the file's order. A step without an action counts as the start."""
        before = node.step.action if node.step else ""
        return self.after(before if any(action.name == before for action in self.of) else START)

    def after(self, name: str) -> list[Action]:
        return [action for action in self.of if action.after is None or name in action.after]


def choose(legal: Sequence[Action], drawn: Mapping[str, int], qs: Mapping[str, Sequence[float]], c: float) -> Action:
    """The first of the actions that has not been drawn, then the one of the highest upper bound.

    `qs` are the Q of its children, whose mean is its own; one half where it has none. The bound is that of PUCT with a
    uniform prior, where `drawn` counts as visits.
    """
    for action in legal:
        if not drawn.get(action.name):
            return action
    total = sum(drawn.values())
    bounds = [puct(_mean(qs.get(action.name, ())), 1 / len(legal), drawn[action.name], total, c) for action in legal]
    return legal[bounds.index(max(bounds))]


def _mean(qs: Sequence[float]) -> float:
    return sum(qs) / len(qs) if qs else 0.5


async def extend_typed(
    grow: Grower, nodes: Sequence[Node], widths: Sequence[int], steps: int, actions: Actions | None
) -> list[Node]:
    """As `extend_each`; with actions, the continuations of a node take those that are legal in turn.

    They begin with another one at each node, in an order that is drawn there, so that none is left out everywhere.
    """
    if actions is None:
        return await extend_each(grow, nodes, widths, steps)
    requests = [
        (node, action, count)
        for node, width in zip(nodes, widths, strict=True)
        for action, count in _turns(grow, node, width, actions)
    ]
    return await extend_each(
        grow,
        [node for node, _, _ in requests],
        [count for _, _, count in requests],
        steps,
        [action.ask for _, action, _ in requests],
    )


def _turns(grow: Grower, node: Node, width: int, actions: Actions) -> list[tuple[Action, int]]:
    """The actions of so many continuations, and how many each of them gets."""
    legal = actions.legal(node)
    order: list[int] = grow.rng("actions", node.path).permutation(len(legal)).tolist()
    each, more = divmod(width, len(legal))
    return [(legal[place], each + (turn < more)) for turn, place in enumerate(order) if each or turn < more]


def read_actions(path: str) -> Actions:
    """The actions of a file. Raises KnobError, with file and line, for anything else."""
    lines = json_lines("search.actions", path)
    actions = Actions(tuple(_action(where, record) for where, record in lines))
    _check_names([where for where, _ in lines], actions)
    _check_order(path, actions)
    return actions


def _action(where: str, fields: Mapping[str, Any]) -> Action:
    form = 'write {"name": "...", "prompt": "...", "after": ["...", ...]}; after may be left out'
    name, prompt, after = (fields.get(field) for field in _FIELDS)
    if not set(fields) <= set(_FIELDS) or not (_is_text(name) and _is_text(prompt)):
        raise KnobError(f"{where}: {form}; name and prompt are texts")
    check_commands(where, str(prompt))
    if after is None:
        return Action(str(name).strip(), str(prompt).strip())
    if not isinstance(after, list) or not all(map(_is_text, cast(list[Any], after))):
        raise KnobError(f"{where}: after is {after!r}; {form}")
    return Action(str(name).strip(), str(prompt).strip(), frozenset(each.strip() for each in cast(list[str], after)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_names(places: Sequence[str], actions: Actions) -> None:
    """Raises KnobError for a name that is taken, or that is not there."""
    names = [action.name for action in actions.of]
    for number, (where, action) in enumerate(zip(places, actions.of, strict=True)):
        if action.name == START or action.name in names[:number]:
            raise KnobError(f"{where}: the name {action.name} is taken; choose another one")
        if unknown := sorted((action.after or frozenset()) - {START, *names}):
            raise KnobError(
                f"{where}: after names {unknown[0]!r}, which is no action; there are {', '.join([START, *names])}"
            )


def _check_order(path: str, actions: Actions) -> None:
    """Raises KnobError where nothing may follow an action or the start, or an action can never come."""
    names = [action.name for action in actions.of]
    for name in (START, *names):
        if not actions.after(name):
            raise KnobError(f"search.actions={path}: nothing may follow {name}; name it in the `after` of an action")
    reached, new = set[str](), [START]
    while new:
        following = {action.name for name in new for action in actions.after(name)}
        new = sorted(following - reached)
        reached |= following
    if never := [name for name in names if name not in reached]:
        raise KnobError(f"search.actions={path}: no way leads from {START} to {never[0]}; correct its `after`")
