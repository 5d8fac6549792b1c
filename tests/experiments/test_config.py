"""Every choice composes and builds; whatever is mistyped is answered with what is valid; plug-ins by import path."""

import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError

from experiments.commands.curves import Curves
from experiments.commands.judge import Judge
from experiments.commands.report import Report
from experiments.commands.solve import Solve
from experiments.commands.sweep import Sweep, build_sweep
from experiments.config.compose import compose
from experiments.config.custom import find
from experiments.config.help import command_help
from experiments.config.knobs import Knob, knobs
from experiments.config.registry import GROUPS, load
from experiments.config.schema import build, from_words
from experiments.errors import ConfigError
from experiments.runs.grid import Budgets
from experiments.tiny.evaluate import Knobs
from policies.engines.share import Engine
from search import MCTS, BestOfN, Budget, Kind, KnobError, Reduction, Rule, Selection, Tree
from search.algorithms.mcts import Prior
from tests.command_line import ROOT, TOY, run

CHOICES = [
    (group, choice) for group, choices in GROUPS.items() for choice in choices if choice not in ("custom", "ensemble")
]


# composing and building


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_builds_with_its_own_defaults(group: str, choice: str):
    command = {"problems": Sweep, "data": Judge}.get(group, Solve)
    built = build(compose(command, [f"{group}={choice}"])[group])
    expected = Selection(Rule(choice)) if group == "selection" else load(GROUPS[group][choice])()
    assert built == expected and type(built) is type(expected)


def test_every_command_builds():
    solve, sweep, curves = build(compose(Solve)), build_sweep(compose(Sweep)), build(compose(Curves))
    assert (solve.search, solve.budget, solve.seed) == (MCTS(), Budget(), 0)
    assert list(sweep.search) == ["best_of_n", "beam", "mcts", "particle_filter"]
    assert sweep.budget == Budgets() and sweep.selection == curves.selection == Selection()


def test_values_keep_their_types():
    words = ["search.simulations=64", "search.prior=logprob", "search.reduction=min", "budget.flops=1e12", "seed=7"]
    run = build(compose(Solve, words))
    assert run.search == MCTS(simulations=64, prior=Prior.LOGPROB, reduction=Reduction.MIN)
    assert run.budget == Budget(flops=1e12) and run.seed == 7


ENUMERATED = {
    (group, knob.name, knob.choices): (group, choice, knob)
    for group, choice in CHOICES
    for knob in knobs(GROUPS[group][choice])
    if knob.choices
}
"""Each once: problem sets, rules and scorers have many in common."""


@pytest.mark.parametrize(("group", "choice", "knob"), ENUMERATED.values(), ids=[f"{g}-{k}" for g, k, _ in ENUMERATED])
def test_every_member_of_every_enumeration_can_be_typed(group: str, choice: str, knob: Knob):
    command = Sweep if group == "problems" else Solve
    for member in knob.choices:
        built = build(compose(command, [f"{group}={choice}", f"{group}.{knob.name}={member}"])[group])
        value = getattr(built, knob.name)
        assert isinstance(value, Enum) and value.name.lower() == member


@pytest.mark.parametrize(
    "text", ["Don't", "a=b", "(x", r"$\frac{1}{2}$", "it's {", "https://x.org/a?b=1&c", "it's \\' \\"]
)
def test_a_value_that_is_no_hydra_syntax_is_plain_text(text: str):
    assert compose(Solve, [f"json={text}"]).json == text


def test_the_config_that_is_printed_composes_to_itself(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "--cfg", "search=beam", "search.n=8", "scorer=self") == 0
    printed = OmegaConf.create(capsys.readouterr().out)
    assert printed.search == {"_target_": "search.algorithms.beam.Beam", "n": 8, "branch": 4, "reduction": None}
    assert printed.policy.model == "tiny" and printed.selection.rule == "weighted"


# mistakes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("solv x", "'solv' is no command; choose from solve, sweep, import, curves"),
        ("solve", 'stepsearch solve "QUESTION"'),
        ("solve search=beam", "the question comes first"),
        ("solve q search=beem", "search=beem: no such choice; choose from best_of_n, beam,"),
        ("solve q policy=HF", "policy=HF: no such choice; choose from hf, vllm, toy, custom"),
        ("solve q policy=toy scorer=toi", "Did you mean toy?"),
        ("solve q policy=toy search.simulatons=2", "search.simulatons: no such knob; search has simulations, branch,"),
        ("solve q policy=toy search.simulatons=2", "Did you mean simulations?"),
        ("solve q policy=toy bugdet.samples=2", "bugdet: no such knob; this command has search, policy,"),
        ("solve q policy=toy scorer=toy budget.tokens=2", "budget has samples, generated_tokens, flops, seconds"),
        ("solve q policy=toy scorer=toy +depth=2", "depth: no such knob"),
        ("solve q policy=toy scorer=toy hydra.verbose=true", "hydra: no such knob"),
        ("solve q policy=toy scorer=toy search.simulations.x=2", "search.simulations is a value"),
        ("solve q policy=toy scorer=toy search.simulations=few", "search.simulations=few: Value 'few' of type 'str'"),
        ("solve q policy=toy scorer=toy search.simulations=null", "search.simulations=null: null is not allowed"),
        ("solve q policy=toy scorer=toy search.simulations=0", "MCTS.simulations is 0; it must be >= 1"),
        ("solve q policy=toy scorer=toy search.prior=shares", "expected one of [share, logprob, uniform]"),
        ("solve q policy=toy scorer=toy search.simulations=1,2", "a list is search.simulations=[1,2]"),
        ("solve q policy=toy scorer=toy budget=2", "budget is a group of knobs"),
        ("solve q policy=toy scorer=toy search", "'search' is no knob; write key=value"),
        ("solve q policy=toy scorer=toy ~search", "cannot be removed"),
        ("solve q policy=toy scorer=toy selection=particle", "selection=particle needs search=particle_filter"),
        ("solve q policy=toy scorer=toy search.reduction=sum", "reduction sum is not defined for scores of kind value"),
        ("solve q policy=toy scorer=toy json=no/such/folder/x.json", "there is no such folder"),
        ("sweep policy=toy scorer=toy search=mcts", "set search.best_of_n, search.beam,"),
        ("sweep policy=toy scorer=toy searchers=[beem]", "no such searcher 'beem'; choose from best_of_n, beam,"),
        ("sweep policy=toy scorer=toy searchers=[]", "name at least one"),
        ("sweep policy=toy scorer=toy budgets=[6]", "Beam.n is 6; it must be a multiple of branch = 4"),
        ("sweep policy=toy scorer=toy budgets=[1] budget.flops=[1]", "budgets and budget.flops are both lists"),
        ("sweep policy=toy scorer=toy budget.samples=[1] budget.flops=[1]", "sweep one of them"),
        ("sweep policy=toy scorer=toy budget.generated_tokens=[2.5]", "give a whole number, or a list of them"),
        ("sweep policy=toy scorer=toy budget.flops=much", "budget.flops is 'much'"),
        ("sweep policy=toy scorer=toy budget.flops=[-1]", "Budget.flops is -1.0; it must be > 0"),
        ("sweep policy=toy scorer=toy concurrency=0", "Sweep.concurrency is 0; it must be >= 1"),
        ("sweep policy=toy scorer=toy problems=jsonl", "problems.path: no file named"),
        ("sweep policy=toy scorer=toy problems=arithmatic", "Did you mean arithmetic?"),
        ("curves", "run=DIR"),
        ("curves run=no/such/run", "no such file; run=DIR names the folder of a sweep"),
        ("compare", "run=DIR"),
        ("report", "run=DIR"),
        ("report run=x tree=false", "tree: no such knob; this command has run, out, baseline, trees"),
        (
            "compare run=x axis=token",
            "expected one of [generated_tokens, computed_tokens, unique_tokens, flops, calls]",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_valid(words: str, said: str, capsys: pytest.CaptureFixture[str]):
    assert run(*words.split()) == 2
    out, err = capsys.readouterr()
    assert said in err and err.startswith("stepsearch: ") and err.count("\n") == 1 and not out


def test_a_defect_keeps_its_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise HydraException("a defect")

    monkeypatch.setattr("experiments.commands.curves.compose", broken)
    assert run("curves") == 1
    assert "Traceback" in capsys.readouterr().err


# help


@pytest.mark.parametrize("command", [Solve, Sweep, Curves, Report])
def test_the_help_has_every_choice_and_every_knob_with_its_prose(command: type):
    text = command_help(command)
    config = compose(command)
    for group in {place for place in GROUPS if place in config}:
        for choice, target in GROUPS[group].items():
            assert choice in text
            for knob in knobs(target):
                assert knob.prose, f"{target}.{knob.name} has no line of prose"
                assert f".{knob.name}=" in text and " ".join(knob.prose.split()[:4]) in " ".join(text.split())


def test_the_help_shows_the_defaults_that_hold():
    for group, choice in CHOICES:
        instance = Selection() if group == "selection" else load(GROUPS[group][choice])()
        for knob in knobs(GROUPS[group][choice]):
            value = getattr(instance, knob.name)
            value = value.name.lower() if isinstance(value, Enum) else value
            shown = OmegaConf.create(f"x: {knob.default}").x
            assert shown == value or knob.default == repr(value)


def test_help_and_registry_load_no_model_library():
    code = (
        "import sys; from experiments.cli import main; main(['sweep', '--help']); main(['--help']);"
        "assert not {'torch', 'transformers', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


# plug-ins


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


@pytest.mark.parametrize(
    ("cls", "args", "said"),
    [
        ("", "", "write module:Class"),
        ("Picky", "", "write module:Class"),
        ("nowhere:Picky", "", "no module 'nowhere'; looked for nowhere.py in "),
        ("tests.plugins:Piky", "", "has no class Piky; it has Mood, Slow, Slowing, Shouts"),
        ("tests.plugins:Picky", "", "scorer.args.hated is missing"),
        (
            "tests.plugins:Picky",
            "scorer.args.hatred=x",
            "scorer.args.hatred: no such argument of tests.plugins:Picky; it takes",
        ),
        (
            "tests.plugins:Picky",
            "scorer.args.hated=x scorer.args.mood=ugly",
            "scorer.args.mood=ugly: choose from good, bad",
        ),
    ],
)
def test_a_mistaken_plug_in_is_named(cls: str, args: str, said: str, capsys: pytest.CaptureFixture[str]):
    words = ["policy=toy", "scorer=custom", f"scorer.cls={cls}", *args.split()]
    assert run("solve", "q", *words) == 2
    assert said in capsys.readouterr().err


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


def test_a_script_reads_its_knobs_as_a_command_does(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["evaluate", "engine=vllm", "n=4"])
    assert from_words(Knobs) == Knobs(engine=Engine.VLLM, n=4)
    monkeypatch.setattr(sys, "argv", ["evaluate", "egnine=vllm"])
    with pytest.raises(ConfigKeyError, match="egnine"):
        from_words(Knobs)
