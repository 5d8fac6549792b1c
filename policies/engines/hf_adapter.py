"""A LoRA adapter on a Transformers model, through peft."""

from importlib.util import find_spec
from typing import Any

from policies.engines.adapters import Adapter, adapter_of
from policies.engines.models import ModelError


def check_adapter(name: str) -> Adapter:
    """The adapter. Raises ModelError where it cannot be used, or peft is missing."""
    adapter = adapter_of(name)
    if find_spec("peft") is None:
        raise ModelError(f"adapter={name}: policy=hf reads adapters with peft: pip install 'stepsearch[lora]'")
    return adapter


def with_adapter(model: Any, name: str, adapter: Adapter) -> Any:
    """The model with the adapter's layers in it. Raises ModelError where they are not of this model."""
    try:
        info = model.load_adapter(str(adapter.folder))
    except Exception as error:  # peft and Transformers raise errors of many kinds for shapes and names
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"adapter={adapter.name} does not fit on model={name}: {reason}") from error
    foreign = sorted(getattr(info, "unexpected_keys", None) or getattr(info, "missing_keys", None) or ())
    added = sum(weight.numel() for key, weight in model.named_parameters() if "lora_" in key)
    if foreign or not added:
        base = adapter.config.get("base_model_name_or_path")
        raise ModelError(f"adapter={adapter.name} does not fit on model={name}; it was trained on {base}")
    return model.eval()
