"""The models that clients choose from: `stepsearch/beam` is a searcher, `stepsearch/beam-16` one at that scale."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from experiments.errors import one_of
from experiments.runs.grid import rescaled
from experiments.runs.preflight import check_kinds
from experiments.serving.refusals import Refusal, wrong
from search.answers.selection import Selection
from search.errors import KindError, KnobError
from search.protocols import Policy, Scorer, check_fit
from search.solve import Searcher

PREFIX = "stepsearch/"


class Models:
    """The searchers by name, each at most at the scale `largest`, or its own default where that is larger."""

    def __init__(self, searchers: Mapping[str, Searcher], largest: int, created: int) -> None:
        self.searchers, self._largest, self._created = searchers, largest, created

    def choose(self, model: str, n: int | None) -> tuple[str, Searcher]:
        """The searcher that a model names, and its name; `n` is its scale in place of the model's -N.

        Raises Refusal for an unknown model and for a scale that is too large or none of the searcher's.
        """
        match = re.fullmatch(rf"{PREFIX}(\w+?)(?:-([1-9]\d{{0,8}}))?", model, re.ASCII)
        if match is None or match[1] not in self.searchers:
            names = one_of((f"{PREFIX}{name}" for name in self.searchers), model)
            raise Refusal(
                404,
                f"no such model {model!r:.80}; there are, each also as -N, {names}",
                code="model_not_found",
                param="model",
            )
        name, searcher = match[1], self.searchers[match[1]]
        scale = n if n is not None else int(match[2]) if match[2] else None
        if scale is None:
            return name, searcher
        param = "stepsearch.n" if n is not None else "model"
        if scale > (most := self.most(searcher)):
            raise wrong(f"{name}: {searcher.scale} = {scale} is more than this server searches, {most}", param)
        try:
            return name, rescaled(name, searcher, scale)
        except KnobError as error:
            raise wrong(str(error), param) from error

    def most(self, searcher: Searcher) -> int:
        """The largest scale of a searcher."""
        return max(self._largest, getattr(searcher, searcher.scale))

    def listed(self) -> Iterator[dict[str, Any]]:
        """What `GET /v1/models` tells: each searcher by its name alone and with its default scale."""
        for name, searcher in self.searchers.items():
            for model in (f"{PREFIX}{name}", f"{PREFIX}{name}-{getattr(searcher, searcher.scale)}"):
                yield {"id": model, "object": "model", "created": self._created, "owned_by": "stepsearch"}


def fitting(
    searchers: Mapping[str, Searcher], policy: Policy, scorer: Scorer, selection: Selection, second: Scorer | None
) -> tuple[dict[str, Searcher], dict[str, str]]:
    """The searchers that work with these parts, and for each other one why it does not."""
    fit: dict[str, Searcher] = {}
    unfit: dict[str, str] = {}
    for name, searcher in searchers.items():
        try:
            check_kinds({name: searcher}, scorer, selection, second)
            check_fit(policy, searcher, scorer, second)
            fit[name] = searcher
        except (KindError, KnobError) as error:
            unfit[name] = str(error)
    return fit, unfit
