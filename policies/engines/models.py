"""From a model's name to its files, and the error for a model that cannot be used. Loads no model library."""

from pathlib import Path

_POLICIES = Path(__file__).parents[1]
SHIPPED = {
    "tiny": _POLICIES / "tiny",
    "tiny-thinking": _POLICIES / "tiny_thinking",
    "tiny-prm": _POLICIES.parent / "scorers" / "tiny",
}
CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"


class ModelError(ValueError):
    """A model cannot be used: what is wrong, where, and what to give instead."""


def locate(model: str) -> str:
    """A shipped name's folder, a local folder, or a hub name as it is. Raises ModelError for a path without a model."""
    path = SHIPPED.get(model) or Path(model).expanduser()
    if not (model in SHIPPED or model.startswith((".", "/", "~")) or model.count("/") > 1 or path.exists()):
        return model
    if not any((path / name).is_file() for name in (CONFIG, ADAPTER_CONFIG)):
        raise ModelError(f"model={model}: {_what_it_is(path)}")
    return str(path)


def _what_it_is(path: Path) -> str:
    """A path that is no model folder, in words, with the way out."""
    if path.suffix == ".gguf" or (path.is_dir() and any(path.glob("*.gguf"))):
        return "a GGUF file is for llama.cpp; give the safetensors checkpoint that it was made from"
    if not path.exists():
        return f"there is no folder {path}; give a folder of save_pretrained, or a hub name (owner/name)"
    if path.is_file():
        return f"{path} is a file; give the folder of a checkpoint, or a hub name (owner/name)"
    return f"no config.json in {path}; give a folder of save_pretrained, or a hub name (owner/name)"
