"""The files that knobs name and that are read when their objects are built: a run remembers what was in them."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from experiments.config.custom import named_values

_KNOBS = ("actions", "hints")


def read_files(config: DictConfig) -> dict[str, Path]:
    """The files by the knobs that name them: {"search.mcts.actions": actions.jsonl}."""
    named = (
        (name, value) for name, value in named_values("", OmegaConf.to_container(config)) if isinstance(value, str)
    )
    paths = {name: Path(value).expanduser() for name, value in named if name.rpartition(".")[2] in _KNOBS}
    return {name: path for name, path in paths.items() if path.is_file()}
