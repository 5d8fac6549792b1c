"""Every choice composes and builds; whatever is mistyped is answered with what is valid."""

import subprocess
import sys
from enum import Enum

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from experiments.commands.curves import Curves
from experiments.commands.judge import Judge
from experiments.commands.report import Report
from experiments.commands.solve import Solve
from experiments.commands.sweep import Sweep, build_sweep
from experiments.config.compose import compose
from experiments.config.help import command_help
from experiments.config.knobs import Knob, knobs
from experiments.config.registry import GROUPS
from experiments.config.schema import build
from experiments.runs.grid import Budgets
from search import (
    ABMCTS,
    DVTS,
    MCTS,
    PDR,
    RSA,
    Again,
    BackOff,
    Backtracking,
    Beam,
    BestFirst,
    BestOfN,
    Budget,
    DeepConf,
    DiverseBeam,
    EntropicFilter,
    GenSelect,
    Gumbel,
    Lookahead,
    ParticleFilter,
    ParticleGibbs,
    Rebase,
    Reduction,
    Refinement,
    Rule,
    Selection,
    ThinkingBudget,
)
from search.algorithms.mcts import Prior
from search.algorithms.particle_filter import Weighting
from search.stopping import Sure
from tests.command_line import ROOT, run

NAMED = ("custom", "ensemble", "several")
"""Choices whose knobs name other classes."""
CHOICES = [(group, choice) for group, choices in GROUPS.items() for choice in choices if choice not in NAMED]


# composing and building


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_builds_with_its_own_defaults(group: str, choice: str):
    command = {"problems": Sweep, "data": Judge}.get(group, Solve)
    built = build(compose(command, [f"{group}={choice}"])[group])
    expected = Selection(Rule(choice)) if group == "selection" else GROUPS[group][choice]()
    expected = Again() if choice in ("again", "auto") else expected  # which the choice's knobs describe
    expected = None if choice == "none" else expected
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


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *(
            (f"policy.system_prompt={text}", text)
            for text in ("1e5", "true", "[a,b]", "a, b", r"\(y\)", " x ", "", "a=b")
        ),
        *((rf"policy.delimiter={quote}\n\n{quote}", "\n\n") for quote in ("", "'", '"')),
        ("policy.delimiter=\n\n", "\n\n"),
        (r"policy.delimiter=\t", "\t"),
        (r"policy.system_prompt=Think.\n\nUse \neq and \boxed{}.", "Think.\n\nUse \\neq and \\boxed{}."),
        (r"policy.system_prompt='Think, ''then'' answer'", "'Think, ''then'' answer'"),
        (r"policy.prompt=Q: {{ question }}\nA:", "Q: {{ question }}\nA:"),
        (r"scorer.separator=\n\n", "\n\n"),
        (r"answer.mark=\n####", "\n####"),
        (r"answer.pattern=(?m)^\nabla\n(.*)$", r"(?m)^\nabla\n(.*)$"),
        (r"policy.model=models\new", r"models\new"),
        ("policy.prompt=null", None),
    ],
)
def test_text_stays_as_it_is_typed_but_for_line_breaks_and_tabs(word: str, value: str | None):
    """Line breaks and tabs only in text that a model reads or writes, and where no LaTeX command begins."""
    choices = {"scorer.separator": ["scorer=token_classification"], "answer.mark": ["answer=after"]}
    choices["answer.pattern"] = ["answer=regex"]
    key = word.partition("=")[0]
    assert OmegaConf.select(compose(Solve, [*choices.get(key, []), word]), key) == value


def test_arguments_of_a_chat_template_are_of_any_type():
    words = ["policy.template.enable_thinking=false", "policy.template.budget=8", "policy.template.effort=low"]
    assert build(compose(Solve, words)).policy.template == {"enable_thinking": False, "budget": 8, "effort": "low"}


INNER = {
    "best_of_n": BestOfN(8),
    "beam": Beam(8),
    "mcts": MCTS(),
    "particle_filter": ParticleFilter(8),
    "particle_gibbs": ParticleGibbs(8),
    "entropic_filter": EntropicFilter(8),
    "ab_mcts": ABMCTS(),
    "gumbel": Gumbel(8),
    "rebase": Rebase(8),
    "dvts": DVTS(8),
    "lookahead": Lookahead(8),
    "best_first": BestFirst(8),
    "backoff": BackOff(8),
    "diverse_beam": DiverseBeam(8),
    "backtracking": Backtracking(8),
    "rsa": RSA(8),
    "pdr": PDR(8),
    "refinement": Refinement(8),
    "genselect": GenSelect(8),
    "deepconf": DeepConf(8),
    "thinking_budget": ThinkingBudget(),
    "search:BestOfN": BestOfN(),
}


@pytest.mark.parametrize("name", INNER)
def test_a_searcher_in_rounds_is_named_with_its_knobs(name: str):
    assert name in {*GROUPS["search"], "search:BestOfN"} and INNER.keys() >= GROUPS["search"].keys() - {
        "again",
        "auto",
        "custom",
    }
    assert build(compose(Solve, ["search=again", f"search.inner={name}"])["search"]) == Again(INNER[name])
    assert list(build_sweep(compose(Sweep, ["searchers=[again]", f"search.again.inner={name}"])).search.values()) == [
        Again(INNER[name])
    ]


def test_the_knobs_of_a_searcher_in_rounds_keep_their_types():
    words = [
        "search=again", "search.inner=particle_filter", "search.args.n=6", "search.args.weighting=current",
        "search.args.threshold=1", "search.times=3", "search.sure=0.9", "search.rule=anytime",
    ]  # fmt: skip
    inner = ParticleFilter(6, Weighting.CURRENT, threshold=1.0)
    assert build(compose(Solve, words)["search"]) == Again(inner, times=3, sure=0.9, rule=Sure.ANYTIME)
    words = ["searchers=[again]", "search.again.inner=mcts", "search.again.args={simulations: 7, reduction: last}"]
    (built,) = build_sweep(compose(Sweep, words)).search.values()
    assert built == Again(MCTS(simulations=7, reduction=Reduction.LAST))


ENUMERATED = {
    (group, knob.name, knob.choices): (group, choice, knob)
    for group, choice in CHOICES
    for knob in knobs(GROUPS[group][choice])
    if knob.choices
}
"""Each once: problem sets, rules and scorers have many in common."""


@pytest.mark.parametrize(("group", "choice", "knob"), ENUMERATED.values(), ids=[f"{g}-{k}" for g, k, _ in ENUMERATED])
def test_every_member_of_every_enumeration_can_be_typed(group: str, choice: str, knob: Knob):
    command = {"problems": Sweep, "data": Judge}.get(group, Solve)
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
    beam = {
        "_target_": "search.algorithms.beam.Beam",
        "n": 8,
        "branch": 4,
        "every": 1,
        "reduction": None,
        "actions": None,
    }
    assert printed.search == beam
    assert printed.policy.model == "tiny" and printed.selection.rule == "weighted"


# mistakes


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
        for choice, cls in GROUPS[group].items():
            if command is Sweep and choice == "auto":  # it is the choice that a sweep is for
                continue
            assert choice in text
            for knob in knobs(cls):
                assert knob.prose, f"{cls.__name__}.{knob.name} has no line of prose"
                assert f".{knob.name}=" in text and " ".join(knob.prose.split()[:4]) in " ".join(text.split())


def test_the_help_shows_the_defaults_that_hold():
    for group, choice in CHOICES:
        instance = Selection() if group == "selection" else GROUPS[group][choice]()
        for knob in knobs(GROUPS[group][choice]):
            value = getattr(instance, knob.name)
            value = value.name.lower() if isinstance(value, Enum) else value
            shown = OmegaConf.create(f"x: {knob.default}").x
            if isinstance(value, list):
                shown = [] if knob.default == "[]" else knob.default.split(",")
            assert shown == value or knob.default in (repr(value), value)


def test_help_and_registry_load_no_model_library():
    code = (
        "import sys; from experiments.cli import main; main(['sweep', '--help']); main(['--help']);"
        "assert not {'torch', 'transformers', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
