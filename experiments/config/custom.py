"""A class of the user's own (searcher, policy, scorer, problems, grader, extraction) by its import path.

    search=custom search.cls=mine:MySearcher search.args.width=3
    scorer=custom scorer.cls=mine:MyScorer scorer.args.threshold=0.3
    grader=custom grader.cls=mine:Same answer=custom answer.cls=mine:FinalLine

The working folder is importable, so `mine` may be `mine.py` beside the user.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from omegaconf import DictConfig, OmegaConf

from experiments.errors import ConfigError, one_of
from experiments.problems.own import OwnProblems
from scorers.custom import adapt
from search.answers.extraction import Extraction
from search.answers.graders import Grader
from search.answers.own import OwnExtraction, OwnGrader
from search.errors import KnobError, check_knob
from search.protocols import Policy, Scorer
from search.solve import Searcher


@dataclass(frozen=True)
class Custom:
    """A class of the user's own."""

    cls: str = ""
    """module:Class"""
    args: dict[str, Any] = field(default_factory=dict)
    """what the class is called with; args.NAME=VALUE for each, checked against its signature"""


@dataclass(frozen=True)
class CustomScorer(Custom):
    """A scorer of the user's own."""

    timeout: float | None = None
    """seconds that a call may take, after which it is made once more and then fails its search; null: any time"""

    def __post_init__(self) -> None:
        check_knob(self, "timeout", above=0)


@dataclass(frozen=True)
class CustomProblems(Custom):
    """A problem set of the user's own: (question, answer) or (question, answer, id) for each problem."""

    limit: int | None = None
    """the first so many; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)


def search(cls: str, args: Mapping[str, Any]) -> Searcher:
    return _with_coroutine("search", cls, args, "search(self, grow)")


def policy(cls: str, args: Mapping[str, Any]) -> Policy:
    return _with_coroutine("policy", cls, args, "extend(self, node, n, max_steps, seeds)")


def scorer(cls: str, args: Mapping[str, Any], timeout: float | None = None) -> Scorer:
    """The user's object in an adapter that adds what it leaves out of the protocol."""
    return adapt(make("scorer", cls, args), CustomScorer(cls, dict(args), timeout).timeout)


def second(cls: str, args: Mapping[str, Any], timeout: float | None = None) -> Scorer:
    """The same as a second scorer."""
    return adapt(make("second", cls, args), CustomScorer(cls, dict(args), timeout).timeout)


def problems(cls: str, args: Mapping[str, Any], limit: int | None = None) -> OwnProblems:
    """The problems that the user's object gives, by its method `load` or by iteration."""
    return OwnProblems(cls, _made("problems", cls, args), CustomProblems(cls, dict(args), limit).limit)


def grader(cls: str, args: Mapping[str, Any]) -> Grader:
    """The user's grader, in a process of its own."""
    _check_method("grader", cls, args, "same(self, gold, answer)")
    return OwnGrader(cls, args)


def answer(cls: str, args: Mapping[str, Any]) -> Extraction:
    """The user's rule of extraction, in a process of its own."""
    _check_method("answer", cls, args, "extract(self, text)")
    return OwnExtraction(cls, args)


def _check_method(group: str, cls: str, args: Mapping[str, Any], method: str) -> None:
    """Raises ConfigError where the class cannot be made with the arguments, or its objects lack the method."""
    if not callable(getattr(_made(group, cls, args), method.partition("(")[0], None)):
        raise ConfigError(f"{group}.cls={cls}: it needs the method `def {method}`")


def _made(group: str, cls: str, args: Mapping[str, Any]) -> Any:
    """As `make`; any error of the class itself becomes a ConfigError."""
    try:
        return make(group, cls, args)
    except (ConfigError, KnobError):
        raise
    except Exception as error:
        raise ConfigError(f"{group}.cls={cls}: making it raised {type(error).__name__}: {error}") from error


def _with_coroutine(group: str, cls: str, args: Mapping[str, Any], method: str) -> Any:
    instance = make(group, cls, args)
    if not inspect.iscoroutinefunction(getattr(instance, method.partition("(")[0], None)):
        raise ConfigError(f"{group}.cls={cls}: a {group} needs the method `async def {method}`")
    return instance


def make(group: str, cls: str, args: Mapping[str, Any]) -> Any:
    """Calls the class with the arguments. Raises ConfigError where it is not found or does not take them."""
    factory = find(group, cls)
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:  # written in C: it checks its arguments itself
        return factory(**args)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for name in args:
        if name not in named and not open_ended:
            raise ConfigError(
                f"{group}.args.{name}: no such argument of {cls}; it takes {one_of(named, name) or 'none'}"
            )
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in args:
            raise ConfigError(f"{group}.args.{name} is missing: {cls} takes {one_of(named)}; give {group}.args.{name}=")
    label = f"{group}.args"
    return factory(**{n: _member(f"{label}.{n}", named.get(n), value) for n, value in args.items()})


def _member(label: str, parameter: inspect.Parameter | None, value: Any) -> Any:
    """The value; a text becomes a member where the signature says that it is an enumeration's."""
    annotation = None if parameter is None else parameter.annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Enum) and isinstance(value, str):
            members = {member.name.lower(): member for member in kind}
            if value.lower() not in members:
                raise ConfigError(f"{label}={value}: choose from {one_of(members, value)}")
            return members[value.lower()]
    return value


def find(group: str, cls: str) -> Callable[..., Any]:
    """The class that `module:Class` names. Raises ConfigError, which says where it was searched."""
    name, _, attribute = cls.partition(":")
    if not (name and attribute):
        raise ConfigError(f"{group}.cls={cls}: write module:Class, for example {group}.cls=mine:Mine")
    if name.endswith(".py") or "/" in name:
        module = Path(name).stem
        raise ConfigError(
            f"{group}.cls={cls}: write the module's name, {module}:{attribute}; it is looked for in the working "
            "folder, then among what is installed (PYTHONPATH=FOLDER adds a folder)"
        )
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{group}.cls={cls}: write module:Class, for example {group}.cls=mine:Mine")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing != name and not name.startswith(f"{missing}."):
            raise ConfigError(f"{group}.cls={cls}: {name} imports {missing}, which is not installed") from error
        file = name.removesuffix(".py").replace(".", "/") + ".py"
        raise ConfigError(
            f"{group}.cls={cls}: no module {name!r}; looked for {file} in {Path.cwd()}, then among what is installed"
        ) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        classes = [
            n for n, value in vars(module).items() if inspect.isclass(value) and value.__module__.startswith(name)
        ]
        names = one_of(classes, attribute) or "no class"
        raise ConfigError(f"{group}.cls={cls}: {module.__file__} has no class {attribute}; it has {names}")
    return factory


def source(group: str, cls: str) -> Path | None:
    """The file that `module:Class` is written in; None where that is not Python."""
    factory = find(group, cls)
    try:
        file = inspect.getsourcefile(factory)
    except TypeError:  # an object that can be called, or one written in C
        file = getattr(import_module(cls.partition(":")[0]), "__file__", None)
    return Path(file) if file else None


_OWN_CLASS = re.compile(
    r"(search|policy|scorer|second|problems|grader|answer)(?:(?<=search)\.(?!args\.)\w+)?\.(?:cls|inner|members\.\d+)"
)
"""The knobs that may name a class of the user's own."""


def sources(config: DictConfig) -> dict[str, Path]:
    """The files that the user's own classes are written in: {"scorer.cls": mine.py}, an ensemble's members too."""
    paths: dict[str, Path] = {}
    for name, value in named_values("", OmegaConf.to_container(config)):
        knob = _OWN_CLASS.fullmatch(name)
        if knob and ":" in str(value) and (file := source(knob[1], value.partition("@")[0])):
            paths[name] = file
    return paths


def named_values(name: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Every value of a config below a node, with its full name."""
    if not isinstance(node, dict | list):
        yield name, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from named_values(f"{name}.{key}" if name else str(key), value)
