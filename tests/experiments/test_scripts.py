"""The knobs of scripts, `python -m experiments.tiny.train_policy`, and how they describe themselves."""

import sys
from importlib import import_module

import pytest

from experiments.config.knobs import knobs
from experiments.config.script import from_overrides
from experiments.tiny.evaluate import Knobs
from policies.engines.share import Engine


def test_a_script_reads_its_knobs_as_a_command_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["evaluate", "engine=vllm", "n=4"])
    assert from_overrides(Knobs) == Knobs(engine=Engine.VLLM, n=4)
    for word, message in {
        "egnine=vllm": "egnine: no such knob; this command has problems, n,",
        "nn=4": "Did you mean n?",
        "engine=vlm": "engine=vlm: Invalid value 'vlm'",
        "n=many": "n=many: Value 'many'",
        "n": "'n' is no knob; write key=value",
    }.items():
        monkeypatch.setattr(sys, "argv", ["a/evaluate.py", word])
        with pytest.raises(SystemExit) as ended:
            from_overrides(Knobs)
        shown = capsys.readouterr().err
        assert ended.value.code == 2 and shown.startswith("evaluate: ") and message in shown
        assert shown.count("\n") == 1


SCRIPTS = ["tiny.evaluate", "tiny.holdout", "tiny.label_quality", "tiny.train_policy", "tiny.train_prm"]


@pytest.mark.parametrize("script", [*SCRIPTS, "benchmarks.local", "benchmarks.vllm"])
def test_a_script_describes_itself_and_each_of_its_knobs(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    module = import_module(f"experiments.{script}")
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    shown = capsys.readouterr().out
    assert not ended.value.code and shown.startswith(str(module.__doc__).strip())
    assert f"python -m experiments.{script}" in shown
    for knob in knobs(module.Knobs):
        assert knob.prose and f"  {knob.name}={knob.default}" in shown
