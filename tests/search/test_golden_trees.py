"""Every searcher, with every kind of score it takes, grows the tree that is stored in `golden/`.

A difference is a change of behaviour. If it is meant, `make golden` writes the trees anew and the commit shows which.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from search import Kind, Tree
from tests.engines.test_sandbox import walls
from tests.search.golden import CASES, FOLDER, grown, path_of

ANEW = "if the change is meant: make golden (python -m tests.search.golden)"


def differences(stored: Any, now: Any, where: str = "") -> Iterator[str]:
    """The fields that differ, in order. Floats may differ by rounding: 1e-9 of their size."""
    if isinstance(stored, dict) and isinstance(now, dict):
        place = f"{where} (text {stored['text']!r})" if "text" in stored else where
        for key in dict.fromkeys([*stored, *now]):
            if key in stored and key in now:
                yield from differences(stored[key], now[key], f"{place}.{key}".lstrip("."))
            else:
                yield f"{place}.{key}".lstrip(".") + (" is gone" if key in stored else " is new")
    elif isinstance(stored, list) and isinstance(now, list):
        for index, (left, right) in enumerate(zip(stored, now, strict=False)):
            yield from differences(left, right, f"{where}[{index}]")
        if len(stored) != len(now):
            yield f"{where}: {len(stored)} entries are stored, {len(now)} grew"
    elif type(stored) is not type(now) or not same(stored, now):
        yield f"{where}: {stored!r} is stored, {now!r} grew"


def same(stored: Any, now: Any) -> bool:
    if isinstance(stored, float):
        return math.isclose(stored, now, rel_tol=1e-9, abs_tol=1e-12)
    return stored == now


def with_births(golden: dict[str, Any]) -> dict[str, Any]:
    """The ledgers themselves in place of rows of their table, which nodes may share or not."""
    table = golden["tree"].pop("ledgers")
    for entry in [*golden["tree"]["nodes"], *golden["tree"]["record"]]:
        if "birth" in entry:
            entry["birth"] = {name: column[entry["birth"]] for name, column in table.items()}
    return golden


@pytest.mark.parametrize("name", [pytest.param(name, marks=walls if "tools" in name else ()) for name in CASES])
def test_the_tree_is_the_stored_one(name: str) -> None:
    path = path_of(name)
    assert path.exists(), f"there is no golden/{path.name}; {ANEW}"
    stored, now = (with_births(each) for each in (json.loads(path.read_text()), json.loads(json.dumps(grown(name)))))
    first = next(differences(stored, now), None)
    assert first is None, f"golden/{path.name}: {first}; {ANEW}"


def test_nothing_is_stored_for_cases_that_are_gone() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {path_of(name).name for name in CASES}, ANEW
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 500_000


def test_the_cases_tell_variants_apart_and_cover_every_kind() -> None:
    texts = [path_of(name).read_text() for name in CASES]
    assert len(set(texts)) == len(CASES)
    assert {kind for _, kind, _ in CASES.values()} == set(Kind)
    trees = [json.loads(text)["tree"] for text in texts]
    assert {tree["stopped"] for tree in trees} == {"done", "budget"}
    events = {event["name"] for tree in trees for event in tree["record"]}
    assert events == {
        "beam",
        "rebase",
        "lookahead",
        "round",
        "population",
        "resampling",
        "retained",
        "halving",
        "deepconf",
        "electorate",
    }


def test_a_difference_is_named() -> None:
    name = next(iter(CASES))
    stored = json.loads(path_of(name).read_text())
    changed = json.loads(path_of(name).read_text())
    changed["tree"]["nodes"][1]["score"] += 1e-6
    (message,) = differences(stored, changed)
    assert message.startswith(f"tree.nodes[1] (text {stored['tree']['nodes'][1]['text']!r}).score: 0.")
    changed = json.loads(path_of(name).read_text())
    del changed["tree"]["nodes"][-1]
    assert list(differences(stored, changed)) == ["tree.nodes: 9 entries are stored, 8 grew"]
    assert not list(differences(stored, json.loads(path_of(name).read_text())))


@pytest.mark.parametrize("name", list(CASES)[:1])
def test_a_stored_tree_is_read_back(name: str) -> None:
    tree = grown(name)["tree"]
    assert Tree.from_json(tree).to_json()["nodes"] == tree["nodes"]
