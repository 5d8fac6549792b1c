"""Options of every command, config files, lists of choices, completion, and what Hydra has and this has not."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from experiments.cli import COMMANDS
from experiments.commands.completion import script
from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.files import with_files
from experiments.config.registry import GROUPS
from policies.presets import PRESETS
from tests.command_line import TOY, run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(*words) == 0
    return capsys.readouterr().out


# options


def test_the_version(capsys: pytest.CaptureFixture[str]):
    assert shown(capsys, "--version").startswith("stepsearch 0.")


@pytest.mark.parametrize("option", [["--cfg"], ["--cfg", "job"]])
def test_the_config_is_printed_as_hydra_users_ask_for_it(option: list[str], capsys: pytest.CaptureFixture[str]):
    assert OmegaConf.create(shown(capsys, "sweep", "seeds=3", *option)).seeds == [3]
    for words in (["1+1", *option], [*option, "1+1"], option):
        assert OmegaConf.create(shown(capsys, "solve", *words, "seed=3")).seed == 3


def test_quiet_prints_no_progress_and_no_notes(capsys: pytest.CaptureFixture[str]):
    words = ["sweep", *TOY, "problems.limit=1", "budgets=1", "searchers=beam"]
    assert run(*words, "out=loud") == 0
    assert "searches" in capsys.readouterr().err
    assert run(*words, "out=quiet", "--quiet") == 0
    assert not capsys.readouterr().err
    assert run("solve", "q", *TOY, "search.simulations=nan", "--quiet") == 2
    assert "stepsearch: " in capsys.readouterr().err, "an error is printed"


# config files


def test_a_config_file_holds_knobs_and_the_command_line_wins():
    Path("mine.yaml").write_text(
        "search: beam\nsearch.n: 8\npolicy: {model: ./some folder, stop: ['a, b', \"it's\"], system_prompt: '1e5'}\n"
        "scorer: toy\nseed: 3\nbudget: {flops: 1e9}\n"
    )
    config = compose(Solve, with_files(Solve, ["config=mine.yaml", "search.n=4"]))
    assert config.search._target_.endswith("Beam") and config.search.n == 4
    assert (config.policy.model, list(config.policy.stop)) == ("./some folder", ["a, b", "it's"])
    assert (config.policy.system_prompt, config.seed, config.budget.flops) == ("1e5", 3, 1e9)


def test_another_choice_on_the_command_line_drops_the_knobs_of_the_files():
    Path("mine.yaml").write_text("search: beam\nsearch.branch: 2\n")
    config = compose(Solve, with_files(Solve, ["config=mine.yaml", "search=mcts"]))
    assert config.search._target_.endswith("MCTS")


@pytest.mark.parametrize(
    "words",
    [
        ["search=beam", "search.n=8", "scorer=self", "selection=majority", r"policy.delimiter=\n\n", "policy.stop=a,b"],
        ["search=custom", "search.cls=mine:It", "search.args.width=3", "policy.template.enable_thinking=false"],
        [
            "second=checks",
            "selection.by=second",
            "answer=regex",
            r"answer.pattern=(\d+)\\b",
            "policy.prompt=null",
        ],
    ],
)
def test_what_cfg_prints_is_a_config_file(words: list[str], capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, "solve", "--cfg", "job", *words)
    Path("printed.yaml").write_text(text)
    assert shown(capsys, "solve", "--cfg", "config=printed.yaml") == text


def test_a_runs_own_config_is_a_config_file(capsys: pytest.CaptureFixture[str]):
    words = [*TOY, "problems.limit=2", "budgets=1,2", "searchers=beam,again", "search.beam.branch=2", "scorer.error=1"]
    assert run("sweep", *words, "out=first") == 0
    assert run("sweep", "config=first/config.yaml", "out=second", "problems.limit=1") == 0
    first, second = (OmegaConf.load(f"{name}/config.yaml") for name in ("first", "second"))
    assert second.problems.limit == 1 and second.out == "second"
    second.problems.limit, second.out = first.problems.limit, first.out
    assert first == second
    assert not any(word.startswith("config=") for word in json.loads(Path("second/command.json").read_text()))
    assert run("sweep", "run=second") == 0, "it resumes without the file"


@pytest.mark.parametrize("form", ["printed", "written"])
def test_another_model_than_the_files_has_its_own_preset(form: str, capsys: pytest.CaptureFixture[str]):
    """Of a printed config, too, whose knobs are all there; a knob that was typed stays."""
    one, other = "policy.model=Qwen/Qwen3-0.6B", "policy.model=meta-llama/Llama-3.2-1B-Instruct"
    text = "policy: {model: Qwen/Qwen3-0.6B, temperature: 0.3}"
    if form == "printed":
        text = shown(capsys, "solve", "--cfg", "job", one, "policy.temperature=0.3")
    Path("mine.yaml").write_text(text)
    expected = shown(capsys, "solve", "--cfg", "job", other, "policy.temperature=0.3")
    assert shown(capsys, "solve", "--cfg", "job", "config=mine.yaml", other) == expected
    same = shown(capsys, "solve", "--cfg", "job", "config=mine.yaml", one)
    assert "max_thinking_tokens: 30720" in same and "temperature: 0.3" in same


@pytest.mark.usefixtures("undrawn")
def test_a_run_grows_by_a_longer_file():
    text = "policy: toy\nscorer: toy\nsearchers: [beam]\nbudgets: [1, 2]\nproblems.limit: 2\nout: run\n"
    Path("mine.yaml").write_text(text)
    assert run("sweep", "config=mine.yaml") == 0
    before = Path("run/results.jsonl").read_text()
    Path("mine.yaml").write_text(text.replace("[1, 2]", "[1, 2, 4]") + "seeds: [0, 1]\n")
    assert run("sweep", "run=run", "config=mine.yaml") == 0
    after = Path("run/results.jsonl").read_text()
    assert after.startswith(before) and after.count("\n") == 2 * (1 + 2 * 3), "greedy once, beam at 3 with 2 seeds"
    assert run("sweep", "run=run") == 0 and Path("run/results.jsonl").read_text() == after
    Path("mine.yaml").write_text(text + "search.beam.branch: 2\n")
    assert run("sweep", "run=run", "config=mine.yaml") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "config=mine.yaml cannot be read: No such file or directory"),
        ("- 1\n", "config=mine.yaml holds no knobs"),
        ("a: [", "config=mine.yaml is no YAML: "),
        ("searc: beam\n", "searc: no such knob; this command has search"),
        ("search: beem\n", "no such choice; choose from best_of_n, beam"),
        ("seed: x\n", "seed='x': Value 'x' of type 'str'"),
        ("search: {_target_: no.such.Thing}\n", "config=: search is Thing, which this version does not know"),
    ],
)
def test_a_wrong_file_is_answered_in_a_line(text: str | None, message: str, capsys: pytest.CaptureFixture[str]):
    if text is not None:
        Path("mine.yaml").write_text(text)
    assert run("solve", "q", *TOY, "config=mine.yaml") == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


# lists and completion


def test_the_lists_have_every_choice_and_fit_80_columns(capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, "list")
    groups = {"searchers": "search", "scorers": "scorer", "policies": "policy", "problems": "problems"}
    for kind, group in groups.items():
        own = shown(capsys, "list", kind)
        assert own.strip() in text
        for choice in GROUPS[group]:
            assert f"\n  {choice} " in own
    models = shown(capsys, "list", "models")
    assert all(
        name in models for name in ("tiny-prm", "Qwen/Qwen2.5-Math-PRM-7B", *(p.family for p in PRESETS.values()))
    )
    assert "policy.temperature=0.6 policy.top_p=0.9\n" in models and max(map(len, text.splitlines())) <= 80
    assert run("list", "scorer") == 2
    assert "choose from searchers, scorers" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("stepsearch sol", ["solve"]),
        ("stepsearch ", list(COMMANDS)),
        ("stepsearch list sc", ["scorers"]),
        ("stepsearch completion z", ["zsh"]),
        ("stepsearch solve q search=be", ["beam", "best_of_n", "best_first"]),
        ("stepsearch solve q scorer=to", ["token_classification", "toy"]),
        ("stepsearch sweep search.beam.br", ["search.beam.branch="]),
        ("stepsearch sweep budget.fl", ["budget.flops="]),
    ],
)
def test_bash_completes_commands_choices_and_knobs(typed: str, words: list[str], tmp_path: Path):
    """Readline replaces what follows the last = alone."""
    (tmp_path / "completion").write_text(script("bash"))
    code = f'source completion; COMP_LINE="{typed}" COMP_POINT={len(typed)}; _stepsearch; echo "${{COMPREPLY[@]}}"'
    ended = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert sorted(ended.stdout.split()) == sorted(words) and not ended.stderr


def test_the_script_of_zsh_has_the_words_of_bash(capsys: pytest.CaptureFixture[str]):
    assert shown(capsys, "completion", "zsh") == script("zsh")
    for word in ("search=beam", "search.n=", "budget.flops=", "scorers"):
        assert word in script("zsh").split() and word in script("bash").split()
    assert run("completion", "fish") == 2
    assert "choose from bash, zsh" in capsys.readouterr().err


# what Hydra has, and what was meant


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--multirun", "does not launch with it: stepsearch sweep takes lists as budgets=, budget.*= and seeds="),
        ("-m", "does not launch with it"),
        ("hydra/launcher=joblib", "does not launch with it"),
        ("hydra.sweep.dir=x", "does not launch with it"),
        ("+experiment=foo", "keep a command's knobs in a file: config=mine.yaml"),
        ("--config-name=foo", "config=mine.yaml"),
        ("--resolve", "--cfg job prints the config"),
        ("--package=search", "--cfg job prints the whole config"),
        ("--info", "--cfg job prints the config"),
        ("--fast", "no such option; there are --help, --cfg, --quiet, --version"),
        ("policy@foo=toy", "a group has its own place and no other; write policy=toy"),
        ("search@search.mine=beam", "searchers=beam,beam@mine search.mine.KNOB=VALUE"),
        ("n=4", "Did you mean search.simulations?"),
        ("search.n=4", "Did you mean search.simulations?"),
        ("temperature=0", "Did you mean policy.temperature?"),
        ("policy=Qwen/Qwen3-4B", "for a model write policy.model=Qwen/Qwen3-4B"),
        ("policy=tiny", "for a model write policy.model=tiny"),
        ("scorer=Qwen/X", "for a model write scorer.model=Qwen/X"),
        ("scorer=mine:It", "for a class of your own write scorer=custom scorer.cls=mine:It"),
        ("scorer.cls=mine:It", "for a class of your own add scorer=custom"),
        ("policy={branch:2}", "no such choice; choose from hf, vllm, openai, toy, several, custom"),
        ("policy=[toy]", "no such choice"),
        ("policy=toy,hf", "no such choice"),
    ],
)
def test_what_is_not_here_is_said_in_a_sentence(words: str, message: str, capsys: pytest.CaptureFixture[str]):
    assert run("solve", "q", words) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_arguments_of_a_class_of_ones_own_have_their_place(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "q", "policy=custom", "policy.temperature=0") == 2
    assert "arguments of your class are policy.args.temperature=" in capsys.readouterr().err


def test_a_file_of_problems_is_named_with_its_knobs(capsys: pytest.CaptureFixture[str]):
    assert run("sweep", "problems=mine.jsonl") == 2
    assert "for a file write problems=jsonl problems.path=mine.jsonl" in capsys.readouterr().err
