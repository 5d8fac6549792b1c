"""From a model's name to its files, and the error for a model that cannot be used. Loads no model library."""

from pathlib import Path

SHIPPED = {"tiny": Path(__file__).parents[1] / "tiny", "tiny-prm": Path(__file__).parents[2] / "scorers" / "tiny"}


class ModelError(ValueError):
    """A model cannot be used: what is wrong, where, and what to give instead."""


def locate(model: str) -> str:
    """A shipped name's folder, a local folder, or a hub name as it is. Raises ModelError for a folder without one."""
    path = SHIPPED.get(model) or Path(model).expanduser()
    looks_local = model in SHIPPED or model.startswith((".", "/", "~")) or path.exists()
    if looks_local and not (path / "config.json").is_file():
        raise ModelError(f"model={model}: no config.json in {path}; give a folder of save_pretrained, or a hub name")
    return str(path) if looks_local else model
