"""Batched generation of steps on Transformers: one loop for any causal language model with a cache."""

import asyncio
import inspect
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import AutoModelForCausalLM

from policies.engines.adapters import adapter_of
from policies.engines.batching import Batcher, Ticket
from policies.engines.boundary import Boundary
from policies.engines.flops import Flops
from policies.engines.hf import check_writes, context_length, empty_model, load_tokenizer, load_weights, turn
from policies.engines.hf_adapter import check_adapter, with_adapter
from policies.engines.meter import Meter
from policies.engines.quantised import method_of
from policies.engines.rows import Row, Sampling, vocabulary
from policies.engines.sampling import draw
from policies.engines.thinking import MOST_CLOSING
from search.tree.cost import NOTHING, Cost


class HFWriter:
    """A causal language model behind a queue; `meter` counts what it spends."""

    def __init__(
        self, model: str, device: str, dtype: str, batch_size: int, boundary: Boundary, adapter: str | None = None
    ) -> None:
        self.name, self.adapter, self.device, self.boundary = model, adapter, device, boundary
        self.tokenizer = load_tokenizer(model)
        self.model = causal_model(model, device, dtype, adapter)
        self.context = context_length(self.model.config)
        # Nothing else of the checkpoint's generation_config has an effect.
        ends = getattr(self.model.generation_config, "eos_token_id", None)
        head = self.model.get_output_embeddings().weight
        name = f"model={model} in {str(head.dtype).removeprefix('torch.')}"
        self.vocabulary = vocabulary(self.tokenizer, ends, boundary, len(head), name)
        unknown = sorted(self.vocabulary.unknown)
        self._barred = torch.tensor(unknown, device=device) if unknown else None
        self.meter = Meter()
        self._batch: Batcher[Row, None] = Batcher(self._run, batch_size, _group, lambda row: len(row.prompt))
        self._optional = {"position_ids", "logits_to_keep"} & set(inspect.signature(self.model.forward).parameters)

    @cached_property
    def flops(self) -> Flops:
        # The packed weights of a quantised model are not its parameters.
        packed = method_of(self.name) is not None
        model = empty_model(AutoModelForCausalLM.from_config, self.name) if packed else self.model
        flops = Flops.of(model.base_model, model.get_output_embeddings().weight.numel())
        return flops if self.adapter is None or not packed else flops.beside(adapter_of(self.adapter).parameters)

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows. Cancelled, it returns once they have stopped, at their next token."""
        await self.meter.settle(rows, self._write_all(rows))

    async def _write_all(self, rows: Sequence[Row]) -> None:
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._batch(row))

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None, thinks: bool = False) -> Cost:
        """Of a continuation of so many tokens; a batch that fails is made again, and its cost abandoned."""
        return self._cost(prompt, tokens, MOST_CLOSING * thinks)

    def _run(self, tickets: Sequence[Ticket[Row]]) -> list[None]:
        with turn(self.device), torch.inference_mode():
            due = [ticket for ticket in tickets if not ticket.cancelled and ticket.item.cost is None]
            for ticket in due:
                ticket.item.begin(self.vocabulary, self.boundary, self.context)
            for row in (ticket.item for ticket in due if ticket.item.cutter.done):
                row.steps = tuple(row.cutter.steps)
                self.meter.done(row, NOTHING)
            begun = [ticket for ticket in due if self.meter.begins(ticket.item)]
            try:
                self._generate(begun)
            except BaseException:
                for row in (ticket.item for ticket in begun if ticket.item.cost is None):
                    self.meter.fail(row, self._cost(len(row.prompt), row.cutter.tokens, row.read))
                raise
        return [None] * len(tickets)

    def _generate(self, running: Sequence[Ticket[Row]]) -> None:
        """Decodes until all rows have ended; a row that has ended leaves the batch."""
        if not running:
            return
        # prefill
        sampling = running[0].item.sampling
        seeds = torch.tensor([ticket.item.seed for ticket in running], device=self.device)
        ids, mask = _padded_left([ticket.item.prompt for ticket in running], self.device)
        places, cache = _places(ids, mask), None
        for position in count():
            output = self._forward(ids, mask, places, cache)
            drawn = draw(output.logits[:, -1], sampling, seeds, position, self._barred)
            unfinished, observed = self._push(running, *drawn.tolist())
            if not unfinished:
                return
            # decode
            cache = output.past_key_values
            ids, places = drawn[0, :, None].long(), places[:, -1:] + 1
            mask = None if mask is None else pad(mask, (0, 1), value=1)
            for place, token in observed.items():
                ids[place] = token
            if len(unfinished) < len(running):
                running, rows = [running[i] for i in unfinished], torch.tensor(unfinished, device=self.device)
                cache.reorder_cache(rows)
                ids, places, seeds = ids[rows], places[rows], seeds[rows]
                mask = None if mask is None else mask[rows]

    def _forward(self, ids: Tensor, mask: Tensor | None, places: Tensor, cache: Any) -> Any:
        optional = {"position_ids": places, "logits_to_keep": 1}
        return self.model(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            **{name: optional[name] for name in self._optional},
        )

    def _push(
        self, tickets: Sequence[Ticket[Row]], tokens: list[float], logprobs: list[float], entropy: list[float]
    ) -> tuple[list[int], dict[int, int]]:
        """Gives each row its token; the places of the rows that continue. One that is done or cancelled ends.

        A row that has observed tokens to read gets none: those come back by its place, one a call.
        """
        unfinished, observed = list[int](), dict[int, int]()
        for place, (ticket, token, *figures) in enumerate(zip(tickets, tokens, logprobs, entropy, strict=True)):
            row = ticket.item
            if (given := row.next_observed()) is None:
                row.cutter.push(int(token), *figures)
            else:
                observed[place] = given
            if not (row.cutter.done or ticket.cancelled):
                unfinished.append(place)
                continue
            row.steps = tuple(row.cutter.steps)
            self.meter.done(row, self._cost(len(row.prompt), row.cutter.tokens, row.read))
        return unfinished, observed

    def _cost(self, prompt: int, tokens: int, observed: int = 0) -> Cost:
        if not tokens:
            return NOTHING
        # The last token is sampled but never read; each of the others is computed once.
        flops = self.flops.forward(0, prompt + observed + tokens - 1, observed + tokens)
        return Cost(generated=tokens, computed=prompt + observed, calls=0, flops=flops)


def _group(row: Row) -> tuple[Sampling, bool]:
    """Rows of one batch share their sampling; solutions and single steps are batched apart, as steps end sooner."""
    return row.sampling, row.max_steps is None


def _pads_all(device: str) -> bool:
    """On CPU every row is padded: without a mask PyTorch decodes grouped-query attention in bf16 ten times slower.

    On a GPU a mask costs a wait for the GPU, and a slower kernel, at each token.
    """
    return torch.device(device).type == "cpu"


def _places(ids: Tensor, mask: Tensor | None) -> Tensor:
    """Each token's position behind the padding, [rows, width]."""
    if mask is None:
        return torch.arange(ids.shape[1], device=ids.device).expand(len(ids), -1)
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _padded_left(prompts: Sequence[Sequence[int]], device: str) -> tuple[Tensor, Tensor | None]:
    """Ids and mask, both [rows, width]; the mask hides the padding, and is None where there is none.

    A prompt that rows share is converted once.
    """
    width = max(map(len, prompts)) + _pads_all(device)
    shared = {id(prompt): prompt for prompt in prompts}
    tensors = {name: torch.tensor(prompt) for name, prompt in shared.items()}
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = tensors[id(prompt)]
    if all(len(prompt) == width for prompt in prompts):
        return ids.to(device), None
    lengths = torch.tensor([[len(prompt)] for prompt in prompts])
    mask = (torch.arange(width) >= width - lengths).long()
    return ids.to(device), mask.to(device)


_in_use: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()
"""The models that some writer holds, also where they are no longer among the last four."""


@lru_cache(maxsize=4)
def causal_model(model: str, device: str, dtype: str, adapter: str | None) -> Any:
    """The model with weights, and an adapter's on it, shared by all that hold it.

    Raises ModelError where it is not a causal language model.
    """
    key = (model, device, dtype, adapter)
    if (shared := _in_use.get(key)) is None:
        check_writes(model)
        lora = None if adapter is None else check_adapter(adapter)
        shared = load_weights(AutoModelForCausalLM, model, device, dtype)
        shared = _in_use[key] = shared if lora is None else with_adapter(shared, model, lora)
    return shared


@lru_cache(maxsize=8)
def shared_writer(
    model: str, device: str, dtype: str, batch_size: int, boundary: Boundary, adapter: str | None = None
) -> HFWriter:
    """One writer, shared by all policies of the same knobs."""
    return HFWriter(model, device, dtype, batch_size, boundary, adapter)
