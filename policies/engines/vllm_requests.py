"""Requests to vLLM and their answers, in vLLM's own terms: as objects in this process, and as fields for JSON."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from typing import Any

from policies.engines.server import Draw, Read, Rows, Written


def sampling_fields(draw: Draw) -> dict[str, Any]:
    """The parameters of one request by vLLM's names; no text unless a text is to stop it."""
    fields: dict[str, Any] = {
        "temperature": draw.temperature,
        "top_p": draw.top_p,
        "top_k": draw.top_k,
        "max_tokens": draw.max_tokens,
        "stop_token_ids": list(draw.stop_token_ids),
        "logprobs": 0 if draw.logprobs else None,
        "detokenize": bool(draw.stop),
    }
    if draw.seed is not None:
        fields["seed"] = draw.seed
    if draw.stop:
        fields["stop"] = list(draw.stop)
    if draw.barred:
        fields["logit_bias"] = dict.fromkeys(draw.barred, -100.0)
    if draw.words:
        # One more: a server tells so many in all, the drawn token first.
        more = next(token for token in range(len(draw.words) + 1) if token not in draw.words)
        fields |= {"logprobs": len(draw.words) + 1, "logprob_token_ids": [*draw.words, more]}
    if draw.likelihoods:  # for which vLLM skips its cache
        fields["prompt_logprobs"] = 0
    return fields


def tokens_prompt(ids: Sequence[int], salt: str | None) -> Any:
    """A prompt of token ids; only requests of the same salt share cached tokens."""
    from vllm.inputs import tokens_input

    return tokens_input(list(ids), cache_salt=salt)


def lora_request(folder: str) -> Any:
    """The adapter of an engine that has one."""
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, folder)


def sampling_params(draw: Draw) -> Any:
    """Parameters of one request that returns once, at its end; log-probabilities as flat lists, which cost least."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    flat = {"flat_logprobs": True} if draw.logprobs and not (draw.words or draw.likelihoods) else {}
    return SamplingParams(**sampling_fields(draw), **flat, output_kind=RequestOutputKind.FINAL_ONLY, skip_clone=True)


def written(output: Any, prompt: Sequence[int], draw: Draw) -> Written:
    """The answer that a RequestOutput is."""
    completion = output.outputs[0]
    ids, told = list(completion.token_ids), completion.logprobs
    bare = Written(ids, len(output.prompt_token_ids), output.num_cached_tokens or 0, completion.finish_reason)
    if draw.words:
        return bare._replace(words=[told[0][word].logprob for word in draw.words] if ids else ())
    if draw.likelihoods:
        rows = output.prompt_logprobs or []
        each = [0.0 if row is None else row[token].logprob for token, row in zip(prompt, rows, strict=False)]
        return bare._replace(likelihoods=each)
    return bare._replace(logprobs=list(told.logprobs) if draw.logprobs and told else None)


def pooling_params(read: Read) -> Any:
    """Parameters of one request: for each computed token the row of the head's numbers, or of their softmax.

    Each request needs its own object, because vLLM writes its defaults into it.
    """
    from vllm import PoolingParams

    knobs = {"skip_reading_prefix_cache": read.skip_cache, "use_activation": read.probabilities}
    return PoolingParams(task="token_classify", **knobs)


def rows(output: Any) -> Rows:
    """The answer that a PoolingRequestOutput is."""
    data = output.outputs.data
    return Rows(data, len(data), len(output.prompt_token_ids), output.num_cached_tokens or 0)
