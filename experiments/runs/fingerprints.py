"""Fingerprints of models, files, prompts and records, and code versions: whether two runs had the same inputs."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.problems.sets import Problem
from policies.engines.probe import loads
from policies.engines.prompt import encode_question
from policies.several import Several
from policies.writing import Writing

PROMPT = "the prompt of a fixed question"
_QUESTION = "What is 1 + 1?"
_SAMPLED = 4 << 20  # bytes that are hashed at the beginning and at the end of a file
_PACKAGES = ("stepsearch", "torch", "transformers", "tokenizers", "numpy", "vllm")


def fingerprints(**owners: Any) -> dict[str, str]:
    """Fingerprints of the models behind policies and scorers, by knob: {"policy.model": ...}."""
    models = {name: model for owner in owners for name, model in _models(owner, owners[owner])}
    if not models:
        return {}
    from policies.engines.models import locate

    return {name: fingerprint(locate(model)) for name, model in models.items()}


def _models(name: str, owner: Any) -> Iterator[tuple[str, str]]:
    """Each knob that names a model, with the model's name; an ensemble's members are included."""
    for each, one in _members(name, owner):
        for knob in ("model", "reference", "adapter") if getattr(one, "local", True) else ():
            if isinstance(model := getattr(one, knob, None), str):
                yield f"{each}.{knob}", model


def _members(name: str, owner: Any) -> Iterator[tuple[str, Any]]:
    """A policy or scorer and, of an ensemble, its members."""
    yield name, owner
    for place, member in enumerate(getattr(owner, "of", ())):
        yield from _members(f"{name}.members.{place}", member)


def server_fingerprints(before: Mapping[str, Any] | None = None, **owners: Any) -> dict[str, str]:
    """What tells the weights of models behind URLs, which are asked for it, by knob: {"policy.url": ...}.

    `before` are the fingerprints of a run that is resumed: where a server gives the same numbers, but for rounding, the
    fingerprint is that run's.
    """
    told: dict[str, str] = {}
    for owner in owners:
        for name, one in _members(owner, owners[owner]):
            if not getattr(one, "url", None) or (seen := getattr(one, "probe", None)) is None:
                continue
            earlier = (before or {}).get(f"{name}.url")
            same = isinstance(earlier, str) and not loads(earlier).differs(seen)
            told[f"{name}.url"] = earlier if same and isinstance(earlier, str) else seen.dumps()
    return told


def part_fingerprints(before: Mapping[str, Any] | None, policy: Any, scorer: Any, second: Any) -> dict[str, str]:
    """All that tells the models behind the parts of a sweep; `before` as in `server_fingerprints`."""
    owners = {"policy": policy, "scorer": scorer, "second": second}
    return {**fingerprints(**owners), **server_fingerprints(before, **owners), **prompt_fingerprint(policy, before)}


def same_input(name: str, left: Any, right: Any) -> bool:
    """Whether the fingerprints of one input in two runs are equal; those of servers may differ by rounding."""
    if left == right or not (name.endswith(".url") and isinstance(left, str) and isinstance(right, str)):
        return left == right
    return not loads(left).differs(loads(right))


def prompt_fingerprint(policy: Any, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the policy is sent for a fixed question, as {PROMPT: text and hash}; empty for policies of another kind.

    `before` are the fingerprints of a run that is resumed. Where it is older than this one, it is empty, too, if the
    prompt is still what that run was sent. Of several policies on one tree each has a prompt of its own.
    """
    if isinstance(policy, Several):
        prompts = [prompt_fingerprint(member) for member in policy.of]
        return {f"{PROMPT}, {name}": each[PROMPT] for name, each in zip(policy.names, prompts, strict=True) if each}
    if not isinstance(policy, Writing):
        return {}
    tokenizer = policy.tokenizer
    ids = list(policy.prompting.encode(tokenizer, _QUESTION))
    if (
        before is not None
        and PROMPT not in before
        and ids == encode_question(tokenizer, _QUESTION, policy.system_prompt)
    ):
        return {}
    text = policy.prompting.text(tokenizer, _QUESTION)
    return {PROMPT: f"{text!r}, {len(ids)} tokens, {fingerprint_of([{'ids': ids}])}"}


def problems_fingerprint(problems: Iterable[Problem]) -> str:
    """A hash of problems."""
    return fingerprint_of(asdict(problem) for problem in problems)


def fingerprint_of(records: Iterable[dict[str, Any]]) -> str:
    """A hash of records that are JSON-serialisable."""
    return hashlib.sha256(json.dumps(list(records)).encode()).hexdigest()


def fingerprint(path: str | Path) -> str:
    """A hash of the name, size, first and last 4 MiB of a file, or of each file of a model folder.

    The fingerprint of a path that does not exist, such as a model on a hub, is its name.
    """
    path = Path(path).expanduser()
    if not path.exists():
        return str(path)
    files = sorted([*path.glob("*.json"), *path.glob("*.safetensors")]) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name} {size} ".encode())
        with file.open("rb") as content:
            digest.update(content.read(_SAMPLED))
            content.seek(max(0, size - _SAMPLED))
            digest.update(content.read(_SAMPLED))
    return digest.hexdigest()


def versions() -> dict[str, Any]:
    """The versions that the results of a run may depend on; null for a package that is not installed."""
    packages = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **packages, "platform": platform.platform(), "commit": commit()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of the checkout that this code runs from, followed by `+` where files differ; None without one."""
    home = Path(__file__).resolve().parents[2]
    checkout = ["git", f"--git-dir={home / '.git'}", f"--work-tree={home}"]  # of this project, never of a parent folder
    command = [*checkout, "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
