"""What tells a model, a file and a version of the code from another."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path
from typing import Any


_SAMPLED = 4 << 20  # bytes of a file's beginning, and of its end, that tell it from another


_PACKAGES = ("stepsearch", "torch", "transformers", "tokenizers", "numpy", "vllm")


def fingerprints(**owners: Any) -> dict[str, str]:
    """Of the models behind policies and scorers: {"policy.model": ...}; none for one that has no model."""
    found = {name: model for owner in owners for name, model in _models(owner, owners[owner])}
    if not found:
        return {}
    from policies.engines.models import locate

    return {name: fingerprint(locate(model)) for name, model in found.items()}


def _models(name: str, owner: Any) -> Iterator[tuple[str, str]]:
    """The knobs that name a model, those of an ensemble's members among them, and what they name."""
    for knob in ("model", "reference"):
        if isinstance(model := getattr(owner, knob, None), str):
            yield f"{name}.{knob}", model
    for place, member in enumerate(getattr(owner, "of", ())):
        yield from _models(f"{name}.members.{place}", member)


def fingerprint_of(records: Iterable[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(list(records)).encode()).hexdigest()


def fingerprint(path: str | Path) -> str:
    """Of a file or a model's folder: a hash of names, sizes and first and last megabytes; a hub's name is its own."""
    path = Path(path).expanduser()
    if not path.exists():
        return str(path)
    files = sorted([*path.glob("*.json"), *path.glob("*.safetensors")]) if path.is_dir() else [path]
    found = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        found.update(f"{file.name} {size} ".encode())
        with file.open("rb") as content:
            found.update(content.read(_SAMPLED))
            content.seek(max(0, size - _SAMPLED))
            found.update(content.read(_SAMPLED))
    return found.hexdigest()


def versions() -> dict[str, Any]:
    """What the figures of a run may depend on; null for a package that is not installed."""
    packages = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **packages, "platform": platform.platform(), "commit": commit()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of the checkout that this code runs from, `+` behind it where files differ; None outside of one."""
    home = Path(__file__).resolve().parents[2]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(home), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != home:
            return None
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


