"""The files of a checkpoint: which hold its weights, whether they are whole, and how many bytes they take."""

import json
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from policies.engines.models import ModelError

INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
_POINTER = b"version https://git-lfs"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}  # bytes of those that are cast to the model's dtype


class Stored(NamedTuple):
    """A tensor in a safetensors file."""

    dtype: str
    numbers: int
    nbytes: int


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the model: those of its index, its one file, or all that there are."""
    if (folder / INDEX).is_file():
        names = _json(folder / INDEX).get("weight_map", {}).values()
        return sorted({folder / name for name in names})
    for name in ("model.safetensors", "adapter_model.safetensors"):
        if (folder / name).is_file():
            return [folder / name]
    return sorted(folder.glob("*.safetensors"))


def missing_weights(folder: Path) -> list[Path]:
    """The files of the weights that are not there; the index where nobody knows of any."""
    files = weight_files(folder)
    return [file for file in files if not file.is_file()] if files else [folder / INDEX]


def check_weights(model: str, folder: Path) -> None:
    """Raises ModelError unless the weights are all there, in whole safetensors files."""
    check_names(model, [path.name for path in folder.iterdir()], folder)
    files = weight_files(folder)
    if missing := missing_weights(folder):
        raise ModelError(
            f"model={model}: {missing[0].name} is not in {folder}, and {len(missing)} of {len(files)} files of its "
            "index are missing; download them again"
        )
    for file in files:
        tensors(model, file)


def check_names(model: str, names: Iterable[str], folder: Path | None = None) -> None:
    """Raises ModelError where no file is one of weights that can be loaded."""
    names = list(names)
    if any(name.endswith((".safetensors", INDEX)) for name in names):
        return
    place = f"in {folder}" if folder else "on the hub"
    if pickled := next((name for name in names if name.endswith(_PICKLED) and "training_args" not in name), None):
        raise ModelError(
            f"model={model}: its weights {place} are pickled ({pickled}), and loading them may run any code; convert "
            "a copy that you trust: from_pretrained(..., use_safetensors=False).save_pretrained(FOLDER)"
        )
    if any(name.endswith(".gguf") for name in names):
        raise ModelError(
            f"model={model}: {place} are GGUF files, for llama.cpp; give the safetensors checkpoint they were made from"
        )
    raise ModelError(f"model={model}: there are no safetensors files {place}; give a whole checkpoint")


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in TOKENIZERS) or any(folder.glob("*.tiktoken"))


def check_tokenizer(model: str, folder: Path) -> None:
    """Raises ModelError where the files of a tokenizer are missing, or are pointers to them."""
    if not has_tokenizer(folder):
        raise ModelError(
            f"model={model} has no tokenizer: none of {', '.join(TOKENIZERS)} is in {folder}; copy the tokenizer files "
            "of the model that it was trained from"
        )
    for name in TOKENIZERS:
        check_no_pointer(model, folder / name)


def check_no_pointer(model: str, file: Path) -> None:
    """Raises ModelError where Git LFS has left a pointer in place of the file."""
    if not file.is_file():
        return
    with file.open("rb") as content:
        if content.read(len(_POINTER)) == _POINTER:
            raise ModelError(
                f"model={model}: {file.name} in {file.parent} is a pointer of Git LFS and not the file; run "
                f"`git lfs pull` there, or download it again"
            )


def tensors(model: str, file: Path) -> dict[str, Stored]:
    """What a safetensors file holds, by name, from its header. Raises ModelError where the file is not whole."""
    check_no_pointer(model, file)
    size = file.stat().st_size
    with file.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        try:
            if not 2 <= length <= size - 8:
                raise ValueError
            header: dict[str, Any] = json.loads(content.read(length))
            header.pop("__metadata__", None)
            stored = {name: _stored(entry) for name, entry in header.items()}
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ModelError(
                f"model={model}: {file} is no whole safetensors file ({size:,} bytes); download it again"
            ) from None
    if 8 + length + end != size:
        raise ModelError(f"model={model}: {file} has {size:,} of {8 + length + end:,} bytes; download it again")
    return stored


def _stored(entry: dict[str, Any]) -> Stored:
    start, end = entry["data_offsets"]
    return Stored(entry["dtype"], prod(entry["shape"]), end - start)


def weight_bytes(model: str, folder: Path, itemsize: int) -> int:
    """Bytes of the weights once loaded in a dtype of `itemsize` bytes; what is quantised stays as it is stored."""
    return sum(
        tensor.numbers * itemsize if tensor.dtype in _FLOATS else tensor.nbytes for tensor in _all(model, folder)
    )


def _all(model: str, folder: Path) -> Iterator[Stored]:
    for file in weight_files(folder):
        yield from tensors(model, file).values()


def _json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8"))
