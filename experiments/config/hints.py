"""What a wrong word of a command line probably means: a sentence that is added to the error, or the whole of it."""

from collections.abc import Iterable

from policies.engines.models import SHIPPED

_LAUNCH = (
    "stepsearch composes its config with Hydra and does not launch with it: stepsearch sweep takes lists as budgets=, "
    "budget.*= and seeds=; for any other knob run once for each value"
)
_FILE = "there are no config folders; keep a command's knobs in a file: config=mine.yaml"
HYDRA = {
    "--multirun": _LAUNCH,
    "-m": _LAUNCH,
    "hydra": _LAUNCH,
    "--config-name": _FILE,
    "-cn": _FILE,
    "--config-dir": _FILE,
    "-cd": _FILE,
    "--config-path": _FILE,
    "-cp": _FILE,
    "experiment": _FILE,
    "--resolve": "values are resolved when the command runs; --cfg job prints the config",
    "-r": "values are resolved when the command runs; --cfg job prints the config",
    "--package": "--cfg job prints the whole config, and no part of it",
    "-p": "--cfg job prints the whole config, and no part of it",
    "--info": "--cfg job prints the config, --help every knob",
    "-i": "--cfg job prints the config, --help every knob",
    "--run": "leave it out: a command runs once",
}
"""What Hydra has and this does not, in a sentence each, by the word that asks for it."""

OPTIONS = "--help, --cfg, --quiet, --version"
SCALES = ("n", "simulations", "times", "iterations", "tokens")
"""The names of searchers' scale knobs."""


def of_option(word: str) -> str:
    """The error for a word that begins with a dash."""
    option = word.partition("=")[0]
    return f"{word}: " + HYDRA.get(option, f"no such option; there are {OPTIONS}; knobs are key=value")


def of_key(key: str) -> str | None:
    """The reason that a key is Hydra's own and none of ours."""
    first = key.lstrip("+").replace("/", ".").partition(".")[0].partition("@")[0]
    return HYDRA.get(first) if first in ("hydra", "experiment") else None


def of_choice(group: str, choice: str) -> str:
    """What to write for a value that is no choice but a model, a file, or a class."""
    if group == "problems" and choice.endswith((".jsonl", ".json", ".csv", ".tsv")):
        kind = "csv" if choice.endswith(("csv", "tsv")) else "jsonl"
        return f"; for a file write problems={kind} problems.path={choice}"
    if ":" in choice and "{" not in choice:
        return f"; for a class of your own write {group}=custom {group}.cls={choice}"
    if group in ("policy", "scorer", "second") and ("/" in choice or choice in SHIPPED):
        return f"; for a model write {group}.model={choice}"
    return ""


def of_knob(above: str, name: str, valid: Iterable[str], elsewhere: Iterable[str]) -> str:
    """Where a knob that is not here may be: under another name, or at one of the places `elsewhere`."""
    valid, elsewhere = list(valid), list(elsewhere)
    if name in SCALES and (scale := next((other for other in SCALES if other in valid), None)):
        return f". Did you mean {above}.{scale}?"
    if name in ("cls", "args") and "custom" not in valid:
        return f"; for a class of your own add {above}=custom"
    if {"cls", "args"} <= set(valid):
        return f"; arguments of your class are {above}.args.{name}="
    if name == "adapter" and above in ("scorer", "second"):
        return (
            f"; merge it into its model (peft's merge_and_unload, then save_pretrained) and give that, {above}.model="
        )
    if above == "search" and "beam" in valid:
        return f"; a second setting of a searcher is named in searchers=, for example searchers=beam,beam@{name}"
    return f". Did you mean {' or '.join(elsewhere)}?" if elsewhere else ""


def of_place(text: str, group: str) -> str:
    """The error for a group at another place, as Hydra has it: policy@foo=hf."""
    key, _, value = text.partition("=")
    if group == "search" or group.startswith("search."):
        setting = key.rpartition("@")[2].removeprefix("search.").partition(".")
        knob = f"search.{setting[0]}.{setting[2] or 'KNOB'}={value if setting[2] else 'VALUE'}"
        searcher = group.partition(".")[2] or value
        return f"{text}: in a sweep a second setting is written searchers={searcher},{searcher}@{setting[0]} {knob}"
    return f"{text}: a group has its own place and no other; write {group}={value}"


def alike(name: str, knob: str) -> bool:
    """Whether a knob is the one that was meant: the same name, or both are a searcher's scale."""
    return name == knob or (name in SCALES and knob in SCALES)
