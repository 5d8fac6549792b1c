"""What a server of `vllm serve` serves, and by which routes: found out once it is well, and whenever it comes back."""

import re
from typing import NamedTuple

from policies.engines.models import ModelError
from policies.engines.probe import Probe, text, words
from policies.engines.requests import Missing, Requests
from policies.engines.routes import COMPLETIONS, GENERATE, POOLING_FLAGS, SERVE_FLAGS, Route
from policies.engines.served_model import card_of, context_of
from policies.engines.server import Draw, Read

_BLOCK = 16  # tokens of a cache block, where the server does not tell
_SALT = "probe"


class Wanted(NamedTuple):
    """The model that a server must serve; `named` is its name there, None where its own will do."""

    model: str
    named: str | None
    runner: str
    vocabulary: int


class Seen(NamedTuple):
    """The model's name on the server, the route that writes, tokens of a cache block, and what tells the weights."""

    served: str
    route: Route
    block: int
    probe: Probe


async def look(requests: Requests, wanted: Wanted) -> Seen:
    """Raises ModelError where the server cannot be used, and what its requests raise."""
    cards = requests.read(await requests.get("/v1/models"), lambda json: list(json["data"]))
    card = card_of(cards, wanted.model, wanted.named, requests.url)
    metrics = await requests.connection.get("/metrics")
    told = re.search(r'block_size="(\d+)"', metrics.text) if metrics.status == 200 else None
    block, context = int(told[1]) if told else _BLOCK, context_of(card, cards)
    ids = text(wanted.vocabulary, min(2 * block + 1, context - 1))
    route = Route(GENERATE)
    if wanted.runner == "generate":
        try:
            cached, numbers = await _writes(requests, route, card["id"], ids, words(wanted.vocabulary))
        except Missing:
            route = Route(COMPLETIONS)
            cached, numbers = await _writes(requests, route, card["id"], ids, [])
    else:
        cached, numbers = await _reads(requests, card["id"], ids)
    if not cached and len(ids) > block + 1:
        raise ModelError(
            f"{requests.url} does not tell what it read from its prefix cache, or has none, and costs would be wrong; "
            f"start it as vllm serve MODEL {SERVE_FLAGS}"
        )
    root = str(card.get("root") or card["id"])
    return Seen(card["id"], route, block, Probe(root, context, {str(name): value for name, value in numbers.items()}))


async def _writes(
    requests: Requests, route: Route, served: str, ids: list[int], wanted: list[int]
) -> tuple[int, dict[int, float]]:
    """Cached tokens of a text that was just read, and log-probabilities behind it: of ids, or of the greedy one."""
    draw = Draw(words=wanted)
    await requests.generate(route, served, ids, draw, _SALT)
    written = await requests.generate(route, served, ids, draw, _SALT)
    tokens, logprobs = (wanted, written.words) if wanted else (written.ids, written.logprobs or ())
    return written.cached, dict(zip(tokens, logprobs, strict=True))


async def _reads(requests: Requests, served: str, ids: list[int]) -> tuple[int, dict[int, float]]:
    """Cached tokens of a text that was just read, and the head's raw numbers at its end."""
    read = Read(1, probabilities=False)
    try:
        await requests.encode(served, ids, read, _SALT)
        rows = await requests.encode(served, ids, read, _SALT)
    except ValueError as error:
        if isinstance(error, ModelError) and not isinstance(error, Missing):
            raise
        flags = f"start it as vllm serve MODEL {POOLING_FLAGS}, where stepsearch is installed too"
        raise ModelError(f"{error}; {flags}") from error
    return rows.cached, dict(enumerate(rows.rows[-1]))
