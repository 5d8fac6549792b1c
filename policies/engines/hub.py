"""From a hub name to a folder of its files: the hub's cache first, then the hub, which has seconds to answer."""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from policies.engines.models import ADAPTER_CONFIG, CONFIG, ModelError, locate
from policies.engines.weight_files import check_names, has_tokenizer, missing_weights

PATIENCE = 3.0  # seconds that the hub has to answer
_SMALL = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")


@lru_cache(maxsize=64)
def folder_of(model: str, weights: bool = False) -> Path:
    """The folder with a model's config and tokenizer, and its `weights` if asked for; downloaded where it is a hub's.

    What is in the hub's cache is not asked for again. Raises ModelError where the model is nowhere, or holds no weights
    that can be loaded.
    """
    place = locate(model)
    if Path(place).is_dir():
        return Path(place)
    try:
        validate_repo_id(place)
    except HFValidationError as error:
        raise ModelError(f"model={model} is no folder here, and no hub name (owner/name)") from error
    kept = _cached(place)
    if kept is not None and not (missing_weights(kept) if weights else _lacks_small(kept)):
        return kept
    names = _listed(model, place, kept)
    if names is None:
        assert kept is not None
        return kept
    check_names(model, names)
    pattern = [name for name in names if _wanted(name, names)] if weights else _SMALL
    return _download(model, place, pattern)


def _cached(place: str) -> Path | None:
    """The folder of what the cache has of a model."""
    try:
        folder = Path(snapshot_download(place, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if any((folder / name).is_file() for name in (CONFIG, ADAPTER_CONFIG)) else None


def _lacks_small(folder: Path) -> bool:
    return not (has_tokenizer(folder) or (folder / ADAPTER_CONFIG).is_file())


def _wanted(name: str, names: list[str]) -> bool:
    """Whether a file holds weights of the model; some repositories hold them twice, in two divisions."""
    if "/" in name or not (name.endswith((".safetensors", ".safetensors.index.json"))):
        return False
    return name.startswith(("model", "adapter")) or not any(other.startswith("model") for other in names)


def _listed(model: str, place: str, kept: Path | None) -> list[str] | None:
    """The names of the files on the hub; None where it cannot be asked and a part of them is kept."""
    answer: list[Any] = []
    # In a thread, because a name server may take minutes to say that there is no network.
    asking = threading.Thread(target=lambda: answer.append(_asked(place)), daemon=True)
    asking.start()
    asking.join(PATIENCE + 0.5)
    result = answer[0] if answer else TimeoutError(f"no answer in {PATIENCE:g} s")
    if not isinstance(result, Exception):
        return [file.rfilename for file in result.siblings or ()]
    if kept is not None:
        return None
    raise ModelError(f"model={model} is no folder here and not in the cache of the hub ({_why(result)})") from result


def _asked(place: str) -> Any:
    """What the hub says of a model, or the error."""
    try:
        return HfApi().model_info(place, timeout=PATIENCE)
    except Exception as error:
        return error


def _why(error: Exception) -> str:
    """Why the hub gave nothing, and the way out."""
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set; unset it, or give a folder"
    if isinstance(error, GatedRepoError):
        return "the hub asks for consent first: accept its terms on the model's page, then hf auth login"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no such model, or it is private: check the name, or hf auth login"
    return f"{constants.ENDPOINT} cannot be reached; copy the model here and give its folder"


def _download(model: str, place: str, patterns: list[str] | tuple[str, ...]) -> Path:
    try:
        return Path(snapshot_download(place, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise ModelError(f"model={model} cannot be downloaded ({_why(error)})") from error
