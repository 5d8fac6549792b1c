"""Imports only go down, and in no circle: the order that CONTRIBUTING shows, held against every import."""

from pathlib import Path

import networkx as nx
import pytest

from tests.imports import imports, modules

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"search.errors", "search.tasks", "search.waiting"},
    {"search.tree"},
    {
        "search.answers",
        "search.protocols",
        "search.attempts",
        "search.allowance",
        "search.known_scores",
        "search.keys",
        "search.door",
    },
    {"search.account", "search.completion", "search.json_lines", "search.parts", "search.worst_cases"},
    {"search.judge"},
    {"search.grow"},
    {"search.solve", "search.stopping", "search.trial"},
    {"search.algorithms"},
    {"search", "search.conformance"},
    {"policies.engines"},
    {"scorers.checkpoints"},
    {"policies", "scorers"},
    {"experiments.errors", "experiments.collector", "experiments.terminal", "experiments.problems"},
    {"experiments.config", "experiments.workers"},
    {"experiments.runs"},
    {"experiments.analysis"},
    {"experiments.labels", "experiments.training"},
    {"experiments.reports"},
    {"experiments.benchmarks", "experiments.serving"},
    {"experiments.commands"},
    {"experiments.api", "experiments.tiny"},
    {"experiments.cli"},
    {"experiments.__main__"},
]
"""From the ground up. A room may import those on lower floors, and none on its own floor but itself."""
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room(module: str) -> str:
    """The longest room whose name the module's begins with. Raises KeyError for a module in none of them."""
    parts = module.split(".")
    if parts[0] == "experiments" and module != "experiments":
        return ".".join(parts[:2])
    return next(name for end in (2, 1) if (name := ".".join(parts[:end])) in FLOOR)


def upward(graph: "nx.DiGraph[str]") -> list[str]:
    """The imports that do not go down, in words; a module in no room counts as one."""
    arrows = [(source, target) for source, target in graph.edges if room(source) != room(target)]
    unknown = [f"{module} is in no room of FLOORS" for module in graph if FLOOR.get(room(module)) is None]
    return unknown + [
        f"{source}:{graph.edges[source, target]['line']} imports {target}"
        for source, target in arrows
        if FLOOR.get(room(target), 0) >= FLOOR.get(room(source), 99)
    ]


def circles(graph: "nx.DiGraph[str]") -> list[list[str]]:
    return [sorted(circle) for circle in nx.strongly_connected_components(graph) if len(circle) > 1]


@pytest.fixture(scope="module")
def graph() -> "nx.DiGraph[str]":
    whole = imports(ROOT)
    whole.remove_node("experiments")  # an empty package file
    return whole


def test_imports_only_go_down(graph: "nx.DiGraph[str]") -> None:
    assert len(graph.edges) > 400, "imports were not found"
    assert not upward(graph), "\n".join(upward(graph))


def test_no_modules_import_each_other(graph: "nx.DiGraph[str]") -> None:
    assert not circles(graph)


def test_what_the_command_line_can_choose_stands_below_it(graph: "nx.DiGraph[str]") -> None:
    """Names in strings are arrows too: those of the commands. The registry's classes stand below it."""
    from experiments.cli import COMMANDS
    from experiments.config.registry import GROUPS

    classes = [cls for group in GROUPS.values() for cls in group.values()]
    assert all(FLOOR[room(each.__module__)] <= FLOOR["experiments.config"] for each in classes)
    assert {room(command.module) for command in COMMANDS.values()} == {"experiments.commands"}
    assert {command.module for command in COMMANDS.values()} <= set(graph)


@pytest.mark.parametrize(
    "line",
    [
        "import pkg.upper.top",
        "from pkg.upper import top",
        "from pkg.upper.top import name",
        "from ..upper import top",
        "def later():\n    from pkg.upper.top import name",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.upper.top as top",
    ],
)
def test_every_form_of_an_import_is_seen(line: str, tmp_path: Path) -> None:
    for folder in ("pkg", "pkg/upper", "pkg/lower"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "pkg/upper/top.py").write_text("import pkg.lower.ground\n")
    (tmp_path / "pkg/lower/ground.py").write_text(line + "\n")
    seen = imports(tmp_path, ("pkg",))
    assert ("pkg.lower.ground", "pkg.upper.top") in seen.edges
    assert circles(seen) == [["pkg.lower.ground", "pkg.upper.top"]]


def test_an_upward_import_and_an_unknown_room_are_named() -> None:
    seen: nx.DiGraph[str] = nx.DiGraph()
    seen.add_edge("search.tree.cost", "search.grow", line=3)
    seen.add_edge("scorers.prm", "policies.hf", line=4)
    seen.add_edge("experiments.attic.old", "search.grow", line=5)
    seen.add_edge("experiments.runs.folder", "experiments.config.compose", line=6)
    assert upward(seen) == [
        "experiments.attic.old is in no room of FLOORS",
        "search.tree.cost:3 imports search.grow",
        "scorers.prm:4 imports policies.hf",
    ]


def test_all_modules_are_read() -> None:
    assert {"search.tree.cost", "policies.engines.batching", "scorers.prm", "experiments.cli"} <= set(modules(ROOT))
