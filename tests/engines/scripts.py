"""A model whose every word is known: it writes a script on each of the engines, whatever it reads beside it."""

import re
from collections.abc import Sequence
from typing import Any

import torch

from policies.engines.boundary import Delimiter
from policies.engines.hf_writer import HFWriter
from policies.engines.meter import Meter
from policies.engines.rows import Row, vocabulary
from search import Cost
from tests.engines.stub import Stub

_OUTPUT = re.compile(r"\n?```output\n.*?\n```\n", re.DOTALL)


class Script:
    """What follows a prompt: the rest of a text, of which the prompt holds the beginning, behind the question."""

    def __init__(self, tokenizer: Any, question: Sequence[int], text: str) -> None:
        self.tokenizer, self.question, self.text = tokenizer, list(question), text

    def rest(self, prompt: Sequence[int]) -> list[int]:
        """The tokens that follow; the model's end token behind the last."""
        path = list(prompt)[len(self.question) :]
        written = _OUTPUT.sub("", self.tokenizer.decode(path, clean_up_tokenization_spaces=False))
        assert self.text.startswith(written), (self.text, written)
        ids = self.tokenizer.encode(self.text[len(written) :], add_special_tokens=False)
        return [*ids, self.tokenizer.eos_token_id]


class ScriptedWriter:
    """An engine without a model."""

    context = 1000

    def __init__(self, script: Script) -> None:
        self.script, self.tokenizer, self.meter = script, script.tokenizer, Meter()
        self.vocabulary = vocabulary(self.tokenizer, None, Delimiter(), len(self.tokenizer), "script")
        self.prompts = list[list[int]]()

    def reply(self, row: Row) -> list[int]:
        return self.script.rest(row.prompt)

    async def write(self, rows: Sequence[Row]) -> None:
        await self.meter.settle(rows, self._write(rows))

    async def _write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            assert self.meter.begins(row)
            row.begin(self.vocabulary, Delimiter(), self.context)
            self.prompts.append(list(row.prompt))
            ids = self.reply(row)
            while not row.cutter.done:
                row.cutter.push(ids.pop(0), -1.0, 0.0)
            row.steps = tuple(row.cutter.steps)
            self.meter.done(row, Cost(row.cutter.tokens, len(row.prompt), calls=0, flops=1.0))

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None, thinks: bool = False) -> Cost:
        return Cost(tokens, prompt, calls=0, flops=1.0)


class _Read:
    """What stands for a cache: the tokens of each row."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows

    def reorder_cache(self, places: torch.Tensor) -> None:
        self.rows = [self.rows[place] for place in places.tolist()]


class _Output:
    def __init__(self, logits: torch.Tensor, cache: _Read) -> None:
        self.logits, self.past_key_values = logits, cache


class ScriptedHF(HFWriter):
    """The engine on Transformers with the script in place of its model's numbers."""

    def __init__(self, script: Script, boundary: Delimiter) -> None:
        super().__init__("tiny", "cpu", "float32", 8, boundary)
        self.script = script
        self._width = len(self.model.get_output_embeddings().weight)

    def _forward(self, ids: Any, mask: Any, places: Any, cache: Any) -> Any:
        new = [[int(token) for token in row] for row in ids]
        if cache is None:
            shown = [[1] * len(row) for row in new] if mask is None else mask.tolist()
            new = [[token for token, real in zip(*pair, strict=True) if real] for pair in zip(new, shown, strict=True)]
        rows = [a + b for a, b in zip(cache.rows if cache else [[] for _ in new], new, strict=True)]
        logits = torch.zeros(len(rows), 1, self._width)
        for place, row in enumerate(rows):
            logits[place, 0, self.script.rest(row)[0]] = 40.0
        return _Output(logits, _Read(rows))


class ScriptedServer(Stub):
    """A server of vLLM's that writes the script."""

    script: Script

    def _written(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        params = body.get("sampling_params", body)
        prompt = body.get("token_ids") or body["prompt"]
        if body.get("cache_salt") == "probe":
            return super()._written(path, body)
        ids, rest = list[int](), self.script.rest(prompt)
        while len(ids) < params["max_tokens"] and rest and not (ids and ids[-1] in params["stop_token_ids"]):
            ids.append(rest.pop(0))
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids), "prompt_tokens_details": {}}
        content = [{"token_id": i, "logprob": -0.5, "top_logprobs": []} for i in ids]
        return {
            "choices": [{"token_ids": ids, "logprobs": {"content": content}, "finish_reason": "stop"}],
            "usage": usage,
        }
