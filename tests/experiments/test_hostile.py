"""Every knob of every command is sent what it does not take: the answer is a message, never a traceback."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from experiments.cli import COMMANDS
from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.knobs import Knob, knobs
from experiments.config.overrides import apply, parse
from experiments.config.registry import GROUPS, configured
from experiments.config.schema import build, schema
from experiments.errors import is_message
from tests.command_line import TOY, knobs_of, run
from tests.report_runs import write_run

VALUES = ("{a: 1}", "[[1]]", "${foo}", "${oc.env:NOT_THERE}", "nan", "/", "-1", "''", "null")


def named(members: list[Knob], prefix: str = "") -> Iterator[str]:
    """Every knob's name, those of groups inside too."""
    for knob in members:
        if knob.nested:
            yield from named(knobs(knob.nested), f"{prefix}{knob.name}.")
        else:
            yield f"{prefix}{knob.name}"


def answered(make: Any, name: str) -> list[str]:
    """The values of a knob that end in anything but an object or a message."""
    wrong: list[str] = []
    for value in VALUES:
        try:
            config = make()
            apply(config, parse(f"{name}={value}"))
            build(config)
        except Exception as error:
            if not is_message(error):
                wrong.append(f"{name}={value}: {type(error).__name__}: {error}")
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_value_of_a_commands_own_knobs_ends_in_a_traceback(command: str):
    cls = knobs_of(command)
    wrong = [line for name in named(knobs(cls)) for line in answered(lambda: OmegaConf.structured(schema(cls)), name)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize(("group", "choice"), [(g, c) for g, cs in GROUPS.items() for c in cs if g != "second"])
def test_no_value_of_a_choices_knobs_ends_in_a_traceback(group: str, choice: str):
    names = named(knobs(GROUPS[group][choice]))
    wrong = [line for name in names for line in answered(lambda: configured(group, choice), name)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_a_group_ends_in_a_traceback(value: str):
    for group in ("search", "policy", "selection"):
        with pytest.raises(ValueError) as error:  # noqa: PT011
            build(compose(Solve, [f"{group}={value}"]))
        assert is_message(error.value)


# files and folders


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("there")
    (folder / "folder").mkdir()
    (folder / "file.txt").write_text("no json\n")
    return {"run": write_run(folder / "run", problems=1), "folder": folder / "folder", "file": folder / "file.txt"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("solve q json={folder}", "is a folder; name a file"),
        ("solve q graphml={folder}", "is a folder; name a file"),
        ("solve q json={folder}/no/x.json", "its folder does not exist"),
        ("solve q json={file}/x.json", "its folder does not exist"),
        ("solve q config={folder}", "is a folder; name a file"),
        ("sweep run={folder}", "cannot be resumed"),
        ("sweep run={file}", "cannot be resumed"),
        ("sweep out={file}", "cannot be written"),
        ("sweep problems=jsonl problems.path={folder}", "folder: cannot be read"),
        ("sweep problems=jsonl problems.path={file}", "file.txt"),
        ("curves run={folder}", "results.jsonl: no such file"),
        ("curves run={file}", "results.jsonl"),
        ("curves run={run} name=sub/x", "name=sub/x: a file's name has no /"),
        ("curves run={run} name=../x", "name=../x: a file's name has no /"),
        ("report run={file}", "results.jsonl"),
        ("compare run={file}", "results.jsonl"),
        ("estimate run={file}", "results.jsonl"),
        ("plan run={file} budget=5", "results.jsonl"),
        ("judge scorer=checks data.path={folder}", "no .json"),
        ("judge scorer=checks data.path={file}", "file.txt"),
        ("import data.path={folder}", "folder"),
        ("import data.path={file}", "file.txt"),
        ("solve q scorer=custom scorer.cls=./mine.py:Mine", "write the module's name, mine:Mine"),
        ("solve q scorer=custom scorer.cls=mine.py:Mine", "write the module's name, mine:Mine"),
        ("solve q scorer=custom scorer.cls=/tmp/mine.py:Mine", "write the module's name, mine:Mine"),
        ("solve q scorer=custom scorer.cls=.:Mine", "write module:Class"),
    ],
)
def test_a_wrong_file_or_folder_is_said_in_a_line(
    words: str, message: str, there: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    command, *rest = words.format(**there).split()
    toy = {"solve": TOY, "sweep": TOY}.get(command, ())
    toy = [word for word in toy if not any(other.startswith(word.split("=")[0]) for other in rest)]
    question, rest = (rest[:1], rest[1:]) if command == "solve" else ([], rest)
    assert run(command, *question, *toy, *rest) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize("command", ["curves", "report", "estimate", "plan budget=1000", "compare"])
def test_a_run_that_cannot_be_written_is_said(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Files that exist as folders cannot be written by anybody, root included."""
    folder = write_run(tmp_path / "run", problems=2)
    for name in (
        "curves.png",
        "curves.svg",
        "report.html",
        "estimates.csv",
        "plan.png",
        "plan.svg",
        "levels.csv",
        "comparisons.csv",
        "samples.png",
        "samples.svg",
    ):
        target = folder / name
        if target.is_file():
            target.unlink()
        os.makedirs(target, exist_ok=True)
    code = run(*command.split(), f"run={folder}")
    err = capsys.readouterr().err
    assert "Traceback" not in err and code in (0, 2)
    assert code == 0 or err.count("\n") == 1
