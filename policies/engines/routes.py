"""The routes of `vllm serve`: what is sent to each, and what its answer says. Pure functions of plain values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from policies.engines.server import Draw, Read, Rows, Written
from policies.engines.vllm_requests import sampling_fields

GENERATE, COMPLETIONS, POOLING = "/inference/v1/generate", "/v1/completions", "/pooling"
SERVE_FLAGS = "--enable-scale-out --enable-prompt-tokens-details --generation-config vllm"
POOLING_FLAGS = (
    '--runner pooling --pooler-config \'{"task":"token_classify","tok_pooling_type":"ALL"}\' '
    "--io-processor-plugin stepsearch"
)
_FLOOR = -9999.0  # what vLLM writes in place of a log-probability that is no number
Json = Mapping[str, Any]


class Route(NamedTuple):
    """A way to ask for a continuation."""

    path: str

    def body(self, served: str, ids: Sequence[int], draw: Draw, salt: str | None) -> dict[str, Any]:
        """Raises ValueError for what the route cannot be asked."""
        salted = {"cache_salt": salt} if salt else {}
        fields = {name: value for name, value in sampling_fields(draw).items() if value is not None}
        if self.path == GENERATE:
            return {"model": served, "token_ids": list(ids), "sampling_params": fields, **salted}
        if draw.words or draw.likelihoods:
            raise ValueError(f"this scorer needs the route {GENERATE}: start vllm serve with --enable-scale-out")
        fields.pop("detokenize")
        told = {"add_special_tokens": False, "return_token_ids": True, "return_tokens_as_token_ids": True}
        return {"model": served, "prompt": list(ids), **fields, **told, **salted}

    def written(self, answer: Json, ids: Sequence[int], draw: Draw) -> Written:
        """Raises KeyError, TypeError or IndexError where the answer is of another form."""
        (choice,), usage = answer["choices"], answer["usage"]
        tokens: list[int] = choice["token_ids"]
        told = choice.get("logprobs") or {}
        cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
        bare = Written(tokens, usage["prompt_tokens"], cached, choice.get("finish_reason"))
        if draw.likelihoods:
            rows = answer["prompt_logprobs"]
            each = [0.0 if row is None else row[str(token)]["logprob"] for token, row in zip(ids, rows, strict=True)]
            return bare._replace(likelihoods=each)
        if draw.words:
            first = told["content"][0]
            pairs = {each["token_id"]: each["logprob"] for each in (first, *first["top_logprobs"])}
            return bare._replace(words=[number(pairs[word]) for word in draw.words])
        if not draw.logprobs:
            return bare
        logprobs = told["token_logprobs"] if self.path == COMPLETIONS else [each["logprob"] for each in told["content"]]
        return bare._replace(logprobs=[number(logprob) for logprob in logprobs])


def number(logprob: float | None) -> float:
    """A log-probability; minus infinity where the server had none, so that a policy refuses it."""
    return float("-inf") if logprob is None or logprob <= _FLOOR else logprob


def reading_body(served: str, ids: Sequence[int], read: Read, salt: str | None) -> dict[str, Any]:
    """What the plugin of this project (`vllm_plugin`) is sent."""
    data = {"token_ids": list(ids), "keep": read.keep, "skip_cache": read.skip_cache}
    return {"model": served, "data": {**data, "probabilities": read.probabilities, "cache_salt": salt}}


def rows_of(answer: Json) -> Rows:
    """Raises KeyError or TypeError where the answer is of another form."""
    data = answer["data"]
    rows = [[math.nan if value is None else value for value in row] for row in data["rows"]]
    return Rows(rows, data["computed"], data["prompt"], data["cached"])
