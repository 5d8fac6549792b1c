"""Experiment trackers for the results of a sweep, each an optional install: `stepsearch sweep tracker=mlflow`.

    tensorboard     event files in the run folder's tensorboard/
    mlflow          the server at MLFLOW_TRACKING_URI, or by default the run folder's mlflow.db
    wandb           the run folder's wandb/; uploaded at once with WANDB_MODE=online, otherwise by `wandb sync`

A curve is named searcher/rule/accuracy or searcher/cost; its step is n, or the swept budget.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from experiments.config.settings import AT
from experiments.errors import ConfigError

_PROJECT = "stepsearch"


_ACCURACY = ("accuracy", "ci_low", "ci_high")


_CELL = ("searcher", "n", "selection")


class Tracker(Protocol):
    """A tracker, constructed from the run folder and the config, which it stores with the figures."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Records figures by name at a step; each name may be recorded at several steps."""
        ...

    def close(self) -> None:
        """Writes everything before it returns."""
        ...


class TensorBoard:
    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self._writer = import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tensorboard"))
        self._writer.add_text("config", f"```yaml\n{OmegaConf.to_yaml(config)}```")

    def log(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class MLflow:
    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        store = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve() / 'mlflow.db'}"
        self._client = import_module("mlflow").MlflowClient(tracking_uri=store)
        known = self._client.get_experiment_by_name(_PROJECT)
        experiment = known.experiment_id if known else self._client.create_experiment(_PROJECT)
        self._run = self._client.create_run(experiment, run_name=folder.name).info.run_id
        for name, value in _flat(config):
            self._client.log_param(self._run, name, value)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        self._client.set_terminated(self._run)


class WandB:
    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        library = import_module("wandb")
        mode = os.environ.get("WANDB_MODE", "offline")
        settings = library.Settings(silent=True)
        self._run = library.init(
            project=_PROJECT, name=folder.name, dir=str(folder), config=config, mode=mode, settings=settings
        )
        self._run.define_metric("*", step_metric="step")  # W&B's own step may not decrease, and n does

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self._run.log({**figures, "step": step})

    def close(self) -> None:
        self._run.finish()


class Tracking(Enum):
    """Which tracker; the value is its class."""

    TENSORBOARD = TensorBoard
    MLFLOW = MLflow
    WANDB = WandB


def check_tracker(tracking: Tracking | None) -> None:
    """Raises ConfigError where the tracker's package is not installed."""
    if tracking is None:
        return
    name = tracking.name.lower()
    spec = find_spec(name)
    if spec is None or spec.origin is None:  # without an origin it is a folder of that name in the working folder
        raise ConfigError(f"tracker={name}: {name} is not installed; pip install 'stepsearch[{name}]'")


def track(tracking: Tracking | None, folder: Path, config: DictConfig, rows: Sequence[Mapping[str, Any]]) -> None:
    """Sends a summary's rows once a sweep has ended. The failure of a tracker is printed and affects nothing more."""
    if tracking is None:
        return
    plain: Any = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    try:
        tracker: Tracker = tracking.value(folder, plain)
        for step, figures in curves(rows):
            tracker.log(figures, step)
        tracker.close()
    except Exception as error:  # whatever the library, its files and its server raise
        print(
            f"tracker={tracking.name.lower()} failed, but the results in {folder} are complete: {error}",
            file=sys.stderr,
        )


def curves(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, dict[str, float]]]:
    """Step and known figures of each cell of a summary: accuracy with its interval by rule, and its costs."""
    by_cell: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        limits = [value for name, value in row.items() if name.startswith("budget_") and value is not None]
        searcher = str(row["searcher"]).replace(AT, "-")  # MLflow takes no @
        figures = {f"{searcher}/{row['selection']}/{name}": row[name] for name in _ACCURACY}
        others = [name for name in row if name not in (*_ACCURACY, *_CELL) and not name.startswith("budget_")]
        figures |= {f"{searcher}/{name}": row[name] for name in others}
        known = {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
        by_cell.setdefault((row["searcher"], int(limits[0] if limits else row["n"])), {}).update(known)
    return [(step, figures) for (_, step), figures in by_cell.items()]


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Knobs as on the command line, `search.beam.n`, with their values."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
