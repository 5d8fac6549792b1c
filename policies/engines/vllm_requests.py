"""What a request to vLLM consists of: its prompt as token ids, and its parameters."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from typing import Any


def tokens_prompt(ids: Sequence[int], salt: str | None) -> Any:
    """A prompt of token ids; only requests of the same salt share cached tokens."""
    from vllm.inputs import tokens_input

    return tokens_input(list(ids), cache_salt=salt)


def lora_request(folder: str) -> Any:
    """The adapter of an engine that has one."""
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, folder)


def sampling_params(**knobs: Any) -> Any:
    """Parameters of one request: token ids with log-probabilities, returned once at the end; no text unless asked."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    kind = RequestOutputKind.FINAL_ONLY
    return SamplingParams(**{"logprobs": 0, "detokenize": False, **knobs}, output_kind=kind, skip_clone=True)


def writing_params(logprobs: bool, **knobs: Any) -> Any:
    """Parameters of one request for steps; log-probabilities come as flat lists, which cost vLLM the least."""
    return sampling_params(**({"flat_logprobs": True} if logprobs else {"logprobs": None}), **knobs)


def word_params(ids: Sequence[int]) -> Any:
    """Parameters of one request: a single token, and the log-probability of each of `ids` in its place."""
    return sampling_params(temperature=0, max_tokens=1, logprobs=len(ids), logprob_token_ids=list(ids))


def likelihood_params() -> Any:
    """Parameters of one request: the log-probability of each prompt token. vLLM skips its cache for them."""
    return sampling_params(temperature=0, max_tokens=1, prompt_logprobs=0)


def pooling_params(skip_cache: bool, probabilities: bool) -> Any:
    """Parameters of one request: for each computed token the row of the head's numbers, or of their softmax.

    Each request needs its own object, because vLLM writes its defaults into it.
    """
    from vllm import PoolingParams

    knobs = {"skip_reading_prefix_cache": skip_cache, "use_activation": probabilities}
    return PoolingParams(task="token_classify", **knobs)
