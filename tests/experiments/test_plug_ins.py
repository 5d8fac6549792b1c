"""Plug-ins by import path: found in the working folder, built with their arguments, refused with a reason."""

import sys
from pathlib import Path

import pytest

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.custom import find
from experiments.config.schema import build
from experiments.errors import ConfigError
from search import (
    BestOfN,
    Kind,
    KnobError,
    Tree,
)
from tests.command_line import TOY, run


def test_plug_ins_are_built_from_an_import_path():
    words = [
        "search=custom", "search.cls=search:BestOfN", "search.args.n=3",
        "policy=custom", "policy.cls=tests.plugins:Slow", "policy.args={branch: 2, seconds: 0.5}",
        "scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=x", "scorer.args.mood=bad",
    ]  # fmt: skip
    run = build(compose(Solve, words))
    assert run.search == BestOfN(3)
    assert (run.policy.branch, run.policy.seconds) == (2, 0.5)
    assert run.scorer.kind is Kind.VALUE


def test_a_plug_in_without_its_method_is_refused():
    for group, method in {"search": "search(self, grow)", "policy": "extend(self, node"}.items():
        with pytest.raises(ConfigError, match=r"needs the method") as refusal:
            build(compose(Solve, [f"{group}=custom", f"{group}.cls=tests.plugins:NoMethod"])[group])
        assert method in str(refusal.value)


def test_a_file_of_the_working_folder_is_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "beside_the_user.py").write_text("from search import BestOfN\n\n\nclass Mine(BestOfN):\n    pass\n")
    words = ["search=custom", "search.cls=beside_the_user:Mine", "search.args.n=2", "json=tree.json"]
    assert run("solve", "q", *TOY, *words) == 0
    assert len(Tree.loads((tmp_path / "tree.json").read_text()).leaves()) == 2


def test_a_module_that_misses_another_one_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_more.py").write_text("import not_there_at_all\n")
    with pytest.raises(ConfigError, match="needs_more imports not_there_at_all, which is not installed"):
        find("scorer", "needs_more:Any")


def test_a_bound_of_a_plug_in_is_reported():
    with pytest.raises(KnobError, match=r"BestOfN\.n is 0"):
        build(compose(Solve, ["search=custom", "search.cls=search:BestOfN", "search.args.n=0"])["search"])
