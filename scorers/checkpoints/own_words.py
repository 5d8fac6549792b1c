"""Reads with the model that a policy already runs: how probable it finds one word and another, next."""

from functools import lru_cache
from typing import Any

from policies.engines.writer import Writer
from scorers.checkpoints.heads import Words
from scorers.checkpoints.step_reader import StepReader


@lru_cache(maxsize=8)
def reader_of(writer: Writer, words: Words) -> StepReader:
    """One reader for each engine, which shares its model, and on vLLM its server and its cache."""
    server: Any = getattr(writer, "server", None)
    if server is None:
        from scorers.checkpoints.hf_reader import OwnReader

        return OwnReader(writer, words)
    from scorers.checkpoints.vllm_reader import OwnReader as OwnServer

    return OwnServer(writer, words)
