"""Who imports whom: every import of a folder's modules, those inside functions too, as a graph."""

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

PACKAGES = ("search", "policies", "scorers", "experiments")


def modules(root: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, Path]:
    """Dotted names of all modules below `root`, and their files; a package is named as it is imported."""
    files = [file for package in packages for file in sorted((root / package).rglob("*.py"))]
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(root: Path, packages: tuple[str, ...] = PACKAGES) -> "nx.DiGraph[str]":
    """An edge from each module to each module of ours that it imports, in whatever form and wherever it stands."""
    known = modules(root, packages)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(known)
    for name, file in known.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for target in _targets(node, package, known):
                if target != name:
                    graph.add_edge(name, target, line=node.lineno)  # type: ignore[attr-defined]
    return graph


def _targets(node: ast.AST, package: str, known: dict[str, Path]) -> Iterator[str]:
    """The modules of ours that one statement imports; of `from package import module` the module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            if f"{module}.{alias.name}" in known:
                yield f"{module}.{alias.name}"
            elif module in known:
                yield module
