"""Trackers: a sweep's figures are found again in each tracker's own files, without a network; a tracker that is
missing is refused before anything is spent, and one that fails costs nothing."""

import json
import sqlite3
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from experiments.reports import trackers
from experiments.reports.trackers import TensorBoard, curves
from tests.command_line import RIGHT, TOY, run

WORDS = ("searchers=best_of_n", "budgets=1,4", "selection=majority")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    """A working folder with two problems, and no tracker's own settings."""
    (tmp_path / "toy.jsonl").write_text("\n".join(json.dumps({"question": q, "answer": RIGHT}) for q in ("q0", "q1")))
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)


def sweep(*words: str) -> int:
    return run("sweep", *TOY, "problems=jsonl", "problems.path=toy.jsonl", *WORDS, "out=run", *words)


def needs(name: str) -> None:
    found = find_spec(name)
    if found is None or found.origin is None:
        pytest.skip(f"the extra [{name}] is not installed")


def generated() -> float:
    """Mean tokens of Best-of-4, as results.jsonl has them."""
    rows = [json.loads(line) for line in Path("run/results.jsonl").read_text().splitlines()]
    tokens = [
        r["ledger"]["generated_tokens"] for r in rows if (r["cell"]["searcher"], r["cell"]["n"]) == ("best_of_n", 4)
    ]
    return sum(tokens) / len(tokens)


def test_figures_are_named_by_searcher_and_rule_and_stepped_by_n_or_by_budget():
    cell = {"searcher": "beam", "n": 4, "selection": "best", "problems": 2, "flops": None, "ci_low": None}
    best, majority = {**cell, "accuracy": 0.5, "ci_high": 1.0}, {**cell, "selection": "majority", "accuracy": 1.0}
    limited = {**cell, "budget_flops": 1e12, "accuracy": None, "ci_high": None}
    assert curves([best, {**majority, "ci_high": None}, limited]) == [
        (4, {"beam/best/accuracy": 0.5, "beam/best/ci_high": 1.0, "beam/majority/accuracy": 1.0, "beam/problems": 2.0}),
        (10**12, {"beam/problems": 2.0}),
    ]


def test_tensorboard_has_the_curves():
    needs("tensorboard")
    events = import_module("tensorboard.backend.event_processing.event_accumulator")

    assert sweep("tracker=tensorboard") == 0
    found = events.EventAccumulator("run/tensorboard")
    found.Reload()
    tags: dict[str, Any] = found.Tags()
    assert {"greedy/majority/accuracy", "best_of_n/oracle/ci_low", "best_of_n/flops"} <= set(tags["scalars"])
    assert {event.step for event in found.Scalars("best_of_n/majority/accuracy")} == {1, 4}  # 1 is read off 4
    tokens = [(event.step, event.value) for event in found.Scalars("best_of_n/generated_tokens")]
    assert len(tokens) == 2 and dict(tokens)[4] == pytest.approx(generated())
    assert "config/text_summary" in tags["tensors"]


def test_mlflow_has_the_curves_and_the_knobs():
    needs("mlflow")
    assert sweep("tracker=mlflow") == 0
    with sqlite3.connect("run/mlflow.db") as store:
        metrics = store.execute("select key, step, value from metrics").fetchall()
        knobs = dict(store.execute("select key, value from params"))
        runs = store.execute("select name, status from runs").fetchall()
    values = {(name, step): value for name, step, value in metrics}
    assert {step for name, step in values if name == "best_of_n/majority/accuracy"} == {1, 4}  # 1 is read off 4
    assert values["best_of_n/generated_tokens", 4] == pytest.approx(generated())
    assert (knobs["selection.rule"], knobs["budgets"], knobs["policy.branch"]) == ("majority", "[1, 4]", "3")
    assert runs == [("run", "FINISHED")]
    assert {path.name for path in Path.cwd().iterdir()} == {"toy.jsonl", "run"}


def test_wandb_writes_into_the_run_folder_and_sends_nothing():
    needs("wandb")
    assert sweep("tracker=wandb") == 0
    (held,) = Path("run/wandb").glob("offline-run-*/run-*.wandb")
    content = held.read_bytes()
    for name in ("best_of_n/majority/accuracy", "best_of_n/generated_tokens", "particle_filter"):
        assert name.encode() in content
    assert {path.name for path in Path.cwd().iterdir()} == {"toy.jsonl", "run"}


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_spent(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    Path(name).mkdir()  # a folder of that name is no package
    monkeypatch.syspath_prepend(str(Path.cwd()))
    real = trackers.find_spec
    monkeypatch.setattr(trackers, "find_spec", lambda n: None if (s := real(n)) and s.origin else s)
    assert sweep(f"tracker={name}") == 2
    assert f"tracker={name}: {name} is not installed; pip install 'stepsearch[{name}]'" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_tracker_that_fails_costs_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def fail(*_: object) -> None:
        raise OSError("the server is down")

    monkeypatch.setattr("experiments.commands.sweep.check_tracker", lambda _: None)
    monkeypatch.setattr(TensorBoard, "__init__", fail)
    assert sweep("tracker=tensorboard") == 0
    assert (
        "tracker=tensorboard failed, but the results in run are complete: the server is down" in capsys.readouterr().err
    )
    assert Path("run/summary.csv").exists()


def test_a_run_that_goes_on_may_name_a_tracker(monkeypatch: pytest.MonkeyPatch):
    logged: list[int] = []
    monkeypatch.setattr("experiments.commands.sweep.check_tracker", lambda _: None)
    monkeypatch.setattr(TensorBoard, "__init__", lambda *_: None)
    monkeypatch.setattr(TensorBoard, "log", lambda _, figures, step: logged.append(step))
    monkeypatch.setattr(TensorBoard, "close", lambda _: None)
    assert sweep() == 0 and not logged
    assert run("sweep", "run=run", "tracker=tensorboard") == 0
    assert set(logged) == {1, 4}  # 1 is read off 4
