"""The folder of a run: its command line and full config, what it read, the versions it ran with, its results."""

import difflib
import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from experiments import custom
from experiments.compose import compose
from experiments.errors import RunError

RESULTS = "results.jsonl"
_COMMAND, _CONFIG, _INPUTS = "command.json", "config.yaml", "inputs.json"
_SAMPLED = 4 << 20  # bytes of a file's beginning, and of its end, that tell it from another
_OWN_CLASS = re.compile(r"(search|policy|scorer)(?:\.custom)?\.(?:cls|members\.\d+)")  # may name one of the user's own
_PACKAGES = ("stepsearch", "torch", "transformers", "tokenizers", "numpy", "vllm")


def open_run_folder(
    command: str, out: str | None, config: DictConfig, words: Sequence[str], inputs: Mapping[str, str]
) -> Path:
    """Makes the folder of a run and writes down all it is made of. Raises RunError where it holds lines of a run.

    `words` are the command line's, `inputs` the fingerprints of what is read, by name; those of the user's own classes
    are added.
    """
    inputs = {**inputs, **{name: fingerprint(file) for name, file in _sources(config).items()}}
    folder = Path(out).expanduser() if out else _unused(Path("runs") / f"{command}-{time.strftime('%Y%m%d-%H%M%S')}")
    if any(folder.glob("*.jsonl")):
        raise RunError(
            f"out={folder} holds the results of another run; name another folder, or go on with run={folder}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _COMMAND).write_text(json.dumps(list(words)) + "\n", "utf-8")
        (folder / _CONFIG).write_text(OmegaConf.to_yaml(config), "utf-8")
        (folder / _INPUTS).write_text(json.dumps(inputs, indent=2) + "\n", "utf-8")
        (folder / "versions.json").write_text(json.dumps(versions(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise RunError(f"out={folder} cannot be written: {error.strerror}") from error
    return folder


class Asked(NamedTuple):
    """A config, the words it is made of, and the folder of the run that is gone on with, if one is."""

    config: DictConfig
    words: list[str]
    begun: Path | None


def asked(knobs: type, overrides: Sequence[str]) -> Asked:
    """What a command line asks for; the words of a run that is gone on with (`run=`) come before those given now.

    Raises ConfigError, and RunError where that folder is no run's.
    """
    runs = [word.removeprefix("run=") for word in overrides if word.startswith("run=")]
    if not runs:
        return Asked(compose(knobs, overrides), list(overrides), None)
    folder = Path(runs[-1]).expanduser()
    words = [*_words_of(folder), *(word for word in overrides if not word.startswith("run="))]
    return Asked(compose(knobs, words), words, folder)


def _words_of(folder: Path) -> list[str]:
    """The command line of a run that is to go on. Raises RunError where there is none."""
    try:
        return json.loads((folder / _COMMAND).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} is no run that can go on: {folder / _COMMAND} cannot be read") from error


def config_of(folder: Path) -> dict[str, Any]:
    """What a run was composed of; empty where it is not known."""
    try:
        held: Any = OmegaConf.to_container(OmegaConf.load(folder / _CONFIG))
    except (OSError, ValueError, YAMLError):
        return {}
    return held if isinstance(held, dict) else {}


def check_same(folder: Path, config: DictConfig, inputs: Mapping[str, str], free: Sequence[str] = ()) -> None:
    """Raises RunError, with the difference, where config, inputs or the user's own classes are not those that the run
    began with.

    `free` are knobs that change nothing of what has been done.
    """
    try:
        began, read = (folder / _CONFIG).read_text("utf-8"), json.loads((folder / _INPUTS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} was cut off while it was being made; begin anew with out=") from error
    before, after = (_without(free, text) for text in (began, OmegaConf.to_yaml(config)))
    if changed := [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "-+"]:
        raise RunError(f"run={folder} was begun with another config; begin anew with out=:\n" + "\n".join(changed))
    changed = [name for name in inputs if inputs[name] != read.get(name)]
    edited = [(name, file) for name, file in _sources(config).items() if fingerprint(file) != read.get(name)]
    if changed := [*changed, *(f"{name}: {file} has changed" for name, file in edited)]:
        raise RunError(f"run={folder} was begun with another {' and '.join(changed)}; begin anew with out=")


def _sources(config: DictConfig) -> dict[str, Path]:
    """The files that the user's own classes are written in: {"scorer.cls": mine.py}, an ensemble's members too."""
    found: dict[str, Path] = {}
    for name, value in _values("", OmegaConf.to_container(config)):
        knob = _OWN_CLASS.fullmatch(name)
        if knob and ":" in str(value) and (file := custom.source(knob[1], value.partition("@")[0])):
            found[name] = file
    return found


def _values(name: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Every value of a config below a node, with its full name."""
    if not isinstance(node, dict | list):
        yield name, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from _values(f"{name}.{key}" if name else str(key), value)


def _without(knobs: Sequence[str], text: str) -> str:
    """A config's YAML without some of its knobs."""
    held: Any = OmegaConf.to_container(OmegaConf.create(text))
    return OmegaConf.to_yaml(OmegaConf.create({knob: value for knob, value in held.items() if knob not in knobs}))


class Lines:
    """A file that grows by whole lines, each in the hands of the system before the next is begun."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file, self._path = file, path

    def append(self, line: str) -> None:
        """Raises RunError where the line cannot be written; none of it is left behind then."""
        size, rest = self._file.seek(0, os.SEEK_END), memoryview(line.encode() + b"\n")
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            self._file.truncate(size)
            raise RunError(f"{self._path} cannot be written: {error.strerror}") from error


@contextmanager
def appending(path: Path) -> Iterator[Lines]:
    """The file, to write lines to by this process alone; a last line that was cut off is taken away.

    Raises RunError where another process is writing to it, or where it cannot be written at all.
    """
    try:
        file = FileIO(path, "a+")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error
    with file:
        _lock(file, path)
        file.truncate(_whole(file))
        yield Lines(file, path)


def _whole(file: FileIO) -> int:
    """Bytes up to the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _SAMPLED)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _lock(file: FileIO, path: Path) -> None:
    """Until the file is closed, however the process ends; on systems that have such locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RunError(f"{path} is being written to by another process; wait for it, or stop it") from None


def fingerprints(**owners: Any) -> dict[str, str]:
    """Of the models behind policies and scorers: {"policy.model": ...}; none for one that has no model."""
    found = {name: model for owner in owners for name, model in _models(owner, owners[owner])}
    if not found:
        return {}
    from policies.engines.hf import locate  # loads torch, which a toy does without

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
