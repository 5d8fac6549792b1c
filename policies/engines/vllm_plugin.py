"""A plugin of `vllm serve --runner pooling`: reads steps through the prefix cache, and tells what came from it.

vLLM's own route for a row a token never reads its cache. The package's entry point `vllm.io_processor_plugins`,
`stepsearch`, names this class; `vllm serve --io-processor-plugin stepsearch` takes it.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from vllm import PoolingParams
from vllm.plugins.io_processors.interface import IOProcessor

_REMEMBERED = 100_000  # requests that may be under way; one that is cancelled never comes back
_FIELDS = {"token_ids": list, "keep": int, "skip_cache": bool, "probabilities": bool}


class StepRows(IOProcessor):  # type: ignore[type-arg]
    """vLLM calls `parse_data`, `pre_process` and `merge_pooling_params` of one request without a wait in between."""

    def __init__(self, vllm_config: Any, *rest: Any) -> None:
        super().__init__(vllm_config, *rest)
        self._keep: OrderedDict[str | None, int] = OrderedDict()
        self._params = threading.local()

    def parse_data(self, data: object) -> dict[str, Any]:
        """Raises ValueError, which the client sees, where the request is not of this project's form."""
        if not isinstance(data, dict):
            raise ValueError("stepsearch: data is an object with token_ids, keep, skip_cache and probabilities")
        for name, kind in _FIELDS.items():
            if type(data.get(name)) is not kind:
                raise ValueError(f"stepsearch: data.{name} is {data.get(name)!r:.60}; it must be a {kind.__name__}")
        if not data["token_ids"] or any(type(token) is not int or token < 0 for token in data["token_ids"]):
            raise ValueError("stepsearch: data.token_ids must be token ids")
        return data

    def pre_process(self, prompt: dict[str, Any], request_id: str | None = None, **_: Any) -> Any:
        self._params.next = PoolingParams(
            task="token_classify",
            skip_reading_prefix_cache=prompt["skip_cache"],
            use_activation=prompt["probabilities"],
        )
        self._keep[request_id] = max(1, prompt["keep"])
        while len(self._keep) > _REMEMBERED:
            self._keep.popitem(last=False)
        salt = prompt.get("cache_salt")
        return {"prompt_token_ids": prompt["token_ids"], **({"cache_salt": str(salt)} if salt else {})}

    def merge_pooling_params(self, params: Any = None) -> Any:
        return self._params.next if params is None else params

    def post_process(self, model_output: Sequence[Any], request_id: str | None = None, **_: Any) -> dict[str, Any]:
        (output,) = model_output
        rows = output.outputs.data
        kept = rows[-self._keep.pop(request_id, len(rows)) :]
        counts = {"prompt": len(output.prompt_token_ids), "cached": output.num_cached_tokens or 0}
        finite = [[value if math.isfinite(value) else None for value in row] for row in kept.float().tolist()]
        return {"rows": finite, "computed": len(rows), **counts}


def name() -> str:
    """What the entry point returns: the class's full name."""
    return f"{StepRows.__module__}.{StepRows.__qualname__}"
