"""vLLM's own options that pass through as `vllm.NAME=VALUE`, and those that must not: by name, with the reason."""

import re
from collections.abc import Mapping
from typing import Any

from search.errors import KnobError

_KNOBS = {
    "model": "model",
    "tokenizer": "model",
    "dtype": "dtype",
    "max_model_len": "context",
    "max_num_seqs": "max_num_seqs",
    "gpu_memory_utilization": "gpu_memory",
    "kv_cache_memory_bytes": "cache_gb",
    "num_gpu_blocks_override": "cache_gb",
    "tensor_parallel_size": "gpus",
    "enable_lora": "adapter",
    "max_loras": "adapter",
    "max_lora_rank": "adapter",
    "lora_modules": "adapter",
}
_DRAFTS = "tokens of a rejected draft would be computed and charged to nobody"
_REFUSED = {
    "runner": "it follows from policy or scorer",
    "task": "it follows from policy or scorer",
    "convert": "it follows from policy or scorer",
    "pooler_config": "scores are read at each step by one pooler alone",
    "generation_config": "the checkpoint's own temperature and penalties would be used beside the policy's",
    "override_generation_config": "temperature and penalties are the policy's",
    "enable_prefix_caching": "without a prefix cache a search pays for each prefix at every step",
    "enable_prompt_tokens_details": "costs are counted by what it tells",
    "enable_scale_out": "policies are driven by that route",
    "io_processor_plugin": "scores are read through this project's own",
    "served_model_name": "it is the knob served",
    "load_format": "only safetensors are read, which run no code",
    "trust_remote_code": "no code of a checkpoint is run",
    "allow_deprecated_quantization": "results would hang on a path that vLLM has given up",
    "hf_overrides": "the model would not be the checkpoint that the run records",
    "revision": "the run records the model; name it by model=OWNER/NAME, or a folder",
    "code_revision": "no code of a checkpoint is run",
    "tokenizer_revision": "the tokenizer is the model's own",
    "tokenizer_mode": "the tokenizer is the model's own",
    "skip_tokenizer_init": "texts of policy.stop need the tokenizer",
    "seed": "each request has a seed of its own",
    "logits_processors": "log-probabilities would not be the model's",
    "logprobs_mode": "log-probabilities are those of the raw model",
    "kv_cache_dtype": "a cache of lower precision changes scores and tokens with what happens to be cached",
    "data_parallel_size": "its balancer sends steps to engines that have not read their path; name more servers",
    "data_parallel_backend": "see data_parallel_size",
    "speculative_config": _DRAFTS,
    "spec_method": _DRAFTS,
    "spec_model": _DRAFTS,
    "spec_tokens": _DRAFTS,
    "watermark_config": "tokens would not be drawn from the model",
    "tokens_only": "texts of policy.stop need the tokenizer",
    "hf_config_path": "the model would not be the checkpoint that the run records",
    "model_weights": "the model would not be the checkpoint that the run records",
    "hf_token": "keys come from the environment, HF_TOKEN",
    "enable_return_routed_experts": "nothing reads it",
    "scheduling_policy": "requests have no priority",
    "disable_log_stats": "it is on",
    "api_key": "keys come from the environment, VLLM_API_KEY",
    "host": "stepsearch engines has a knob for it",
    "port": "stepsearch engines has a knob for it",
    "max_num_batched_tokens": "a prompt that is read in parts may be scored wrongly, and ends vLLM's CPU engine",
    "enable_chunked_prefill": "a prompt that is read in parts may be scored wrongly, and ends vLLM's CPU engine",
    "long_prefill_token_threshold": "a prompt that is read in parts may be scored wrongly",
    "kv_transfer_config": "tokens that another engine has computed would be counted as cached",
}
REFUSED: Mapping[str, str] = {name: f"it is the knob {knob}" for name, knob in _KNOBS.items()} | _REFUSED
"""Options that are not passed through, and why."""


def check_options(options: Mapping[str, Any]) -> None:
    """Raises KnobError for an option that would spoil results, costs or repeatability, or has a knob of its own."""
    for name in options:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise KnobError(f"vllm.{name}: write vLLM's option with underscores, as in vllm.max_num_partial_prefills=2")
        if name in REFUSED:
            raise KnobError(f"vllm.{name} is refused: {REFUSED[name]}")
