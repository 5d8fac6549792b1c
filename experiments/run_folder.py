"""The folder of a run: its full config, the versions it ran with, its results."""

import json
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.errors import RunError

RESULTS = "results.jsonl"
_PACKAGES = ("stepsearch", "torch", "transformers", "tokenizers", "numpy", "vllm")


def open_run_folder(command: str, out: str | None, config: DictConfig) -> Path:
    """Makes the folder and writes config.yaml and versions.json. Raises RunError where it holds results already."""
    folder = Path(out).expanduser() if out else _unused(Path("runs") / f"{command}-{time.strftime('%Y%m%d-%H%M%S')}")
    if (folder / RESULTS).exists():
        raise RunError(f"out={folder} holds the results of another run; name another folder, or remove that one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(config), "utf-8")
        (folder / "versions.json").write_text(json.dumps(versions(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise RunError(f"out={folder} cannot be written: {error.strerror}") from error
    return folder


def _unused(folder: Path) -> Path:
    """The folder, or the same name with the first free number behind it."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


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
    home = Path(__file__).resolve().parents[1]

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
