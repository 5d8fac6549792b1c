"""What a checkpoint is, read from its config before a model library touches it, and whether it can be used at all."""

import json
from pathlib import Path
from typing import Any

from policies.engines.hub import folder_of
from policies.engines.models import ADAPTER_CONFIG, CONFIG, ModelError
from policies.engines.weight_files import check_no_pointer, check_weights


def raw_config(model: str) -> dict[str, Any]:
    """The checkpoint's config as it is written. Raises ModelError for an adapter and for a file that cannot be read."""
    folder = folder_of(model)
    if is_adapter(folder):
        base = read_json(model, folder / ADAPTER_CONFIG).get("base_model_name_or_path") or "BASE_MODEL"
        raise ModelError(
            f"model={model} is an adapter of {base} and no model by itself: policy.model={base} policy.adapter={model} "
            "(a scorer needs it merged: peft's merge_and_unload, then save_pretrained)"
        )
    return read_json(model, folder / CONFIG)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model."""
    if not (folder / ADAPTER_CONFIG).is_file():
        return False
    names = [file.name for file in folder.iterdir()]
    return CONFIG not in names or not any(name.startswith(("model", "pytorch_model")) for name in names)


def read_json(model: str, file: Path) -> dict[str, Any]:
    """A JSON file of the checkpoint. Raises ModelError where it is none."""
    check_no_pointer(model, file)
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"model={model}: {file} cannot be read ({error}); download it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"model={model}: {file} holds no JSON object; download it again")
    return content


def architecture_of(model: str) -> str:
    """The class that the checkpoint's config names first."""
    return (raw_config(model).get("architectures") or ["model that names no architecture"])[0]


def weights_of(model: str) -> Path:
    """The folder of a checkpoint whose weights are all there. Raises ModelError otherwise."""
    raw_config(model)
    folder = folder_of(model, weights=True)
    check_weights(model, folder)
    return folder
