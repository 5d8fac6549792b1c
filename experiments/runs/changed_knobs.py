"""Which knobs differ between a run's config and a command line's, in the words of the command line."""

from collections.abc import Iterator, Sequence
from typing import Any

from experiments.config.registry import choice_of
from experiments.config.settings import setting_of

_UNSET = object()
_OF_SERVERS = ("patience", "served")
_SOMEWHERE = ["servers"]


def changed_knobs(before: Any, now: Any, changeable: Sequence[str], defaults: Any) -> list[str]:
    """A line for each difference between two configs: "grader: exact in the run, numeric now".

    Servers may have moved: where there are some, their addresses may differ, and how long to wait for them.

    Knobs that are newer than the run have the values of `defaults`. The `changeable` knobs, the modules of classes and
    searchers that do not run may differ, so that older runs can be resumed.
    """
    before = _filled(before, defaults)
    return [
        f"{name}: {_typed(name, old)} in the run, {_typed(name, new)} now"
        for name, old, new in _differences("", _comparable(before, changeable), _comparable(now, changeable))
    ]


def _filled(stored: Any, defaults: Any) -> Any:
    """The stored values; where a dictionary lacks a key, with that of `defaults`."""
    if not (isinstance(stored, dict) and isinstance(defaults, dict)):
        return stored
    return {**defaults, **{key: _filled(value, defaults.get(key)) for key, value in stored.items()}}


def _comparable(config: Any, changeable: Sequence[str]) -> Any:
    knobs = {name: value for name, value in config.items() if name not in changeable}
    if "searchers" in knobs:
        running = set(map(setting_of, knobs["searchers"]))
        knobs["search"] = {name: value for name, value in knobs["search"].items() if name in running}
    return _without_modules(knobs)


def _without_modules(node: Any) -> Any:
    if isinstance(node, dict):
        node = {key: _without_modules(value) for key, value in node.items() if key not in _OF_SERVERS}
        if isinstance(node.get("url"), list):
            node["url"] = _SOMEWHERE if node["url"] else []
        return {**node, "_target_": node["_target_"].rpartition(".")[2]} if "_target_" in node else node
    return [_without_modules(item) for item in node] if isinstance(node, list) else node


def _differences(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Names of the knobs that differ, with both values; a group whose class differs has its class for a value."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield name, old, new
        return
    classes = old.get("_target_"), new.get("_target_")
    if classes[0] != classes[1]:
        old, new = (_UNSET if cls is None else choice_of(name.partition(".")[0], cls) for cls in classes)
        yield name, old, new
        return
    for key in dict.fromkeys([*old, *new]):
        yield from _differences(f"{name}.{key}" if name else key, old.get(key, _UNSET), new.get(key, _UNSET))


def _typed(name: str, value: Any) -> str:
    """The value as it is typed on the command line."""
    if value is _UNSET:
        return "not set"
    if isinstance(value, dict):
        cls = value.get("_target_")
        return "set" if cls is None else choice_of(name.partition(".")[0], cls)
    if isinstance(value, list):
        return ",".join(_typed(name, item) for item in value) or "[]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
