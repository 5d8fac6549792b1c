"""The engine of a model: one that vLLM starts in this process, or servers of `vllm serve` that run already."""

from policies.engines.server import TokenServer
from policies.engines.share import Share


def served(model: str, dtype: str, share: Share, runner: str, adapter: str | None = None) -> TokenServer:
    """One engine for all policies, or all scorers, of the same model and share; `runner` is generate or pooling."""
    if share.url:
        from policies.engines.fleet import shared_fleet

        return shared_fleet(model, share, runner, adapter)
    from policies.engines.vllm import shared

    return shared(model, dtype, share, runner, adapter)
