"""Reads tokens behind prefixes that were read before: a Transformers model with its keys and values kept by place."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from policies.engines.hf import turn
from scorers.checkpoints.hf_reader import split

WASTE = 1.5  # most padded tokens for each new one


class Segment:
    """Tokens behind those of `parent`; a trie of them is what a model has read, or will read."""

    __slots__ = ("era", "length", "parent", "slot", "tokens")

    def __init__(self, parent: Any, tokens: Sequence[int]) -> None:
        self.parent: Self | None = parent
        self.tokens = tokens
        self.length: int = len(tokens) + (parent.length if parent is not None else 0)
        self.era = self.slot = -1

    def line(self) -> list[Self]:
        """From the top down to this one."""
        line, segment = [self], self
        while segment.parent is not None:
            segment = segment.parent
            line.append(segment)
        return line[::-1]

    def ids(self) -> list[int]:
        """All tokens from the top down."""
        return [token for segment in self.line() for token in segment.tokens]


class _Chunk(NamedTuple):
    """What has to be read for one segment: those above that were never read, or whose keys are forgotten."""

    known: list[int]  # slots of the tokens before
    new: list[Segment]  # the last of them is the one that is asked for
    tokens: list[int]


class Reading:
    """A decoder on CPU, with keys and values of up to `room` tokens; when they are full, all are forgotten at once."""

    def __init__(self, decoder: Any, room: int) -> None:
        config = decoder.config
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.decoder, self.room = decoder, room
        # Not zeros: memory is taken as slots are filled. Slot 0, which pads, is the first to be filled.
        self._kept = torch.empty(room, config.num_hidden_layers, 2, config.num_key_value_heads, width)
        self.eras = 1
        """how often it has begun anew"""
        self._used = 0

    def read(self, segments: Sequence[Segment]) -> tuple[list[Any], Tensor]:
        """These segments and all above them that had to be read again, and the last hidden state behind each, [., H].

        Raises ValueError where they need more than the room.
        """
        chunks = [self._chunk(segment) for segment in segments]
        if self._used + sum(len(chunk.tokens) for chunk in chunks) > self.room:
            self.eras, self._used = self.eras + 1, 0
            chunks = [self._chunk(segment) for segment in segments]
            if sum(len(chunk.tokens) for chunk in chunks) > self.room:
                raise ValueError(f"{len(segments)} paths do not fit into the room of {self.room} tokens")
        order = sorted(range(len(chunks)), key=lambda place: len(chunks[place].tokens))
        parts = [order[part] for part in split([len(chunks[place].tokens) for place in order], WASTE)]
        with turn("cpu"), torch.inference_mode():
            hidden = [self._forward([chunks[place] for place in part]) for part in parts if part]
        return [segment for part in parts for place in part for segment in chunks[place].new], torch.cat(hidden)

    def _chunk(self, segment: Segment) -> _Chunk:
        line = segment.line()
        first = next((place for place, above in enumerate(line) if above.era != self.eras), len(line) - 1)
        known = [slot for above in line[:first] for slot in range(above.slot, above.slot + len(above.tokens))]
        return _Chunk(known, line[first:], [token for above in line[first:] for token in above.tokens])

    def _forward(self, chunks: Sequence[_Chunk]) -> Tensor:
        """One pass over chunks of about equal length: the states behind their new segments, in order.

        Known tokens are padded on the left, new ones on the right.
        """
        before, width = max(len(chunk.known) for chunk in chunks), max(len(chunk.tokens) for chunk in chunks)
        slots = torch.tensor([[0] * (before - len(chunk.known)) + chunk.known for chunk in chunks], dtype=torch.long)
        ids = torch.tensor([chunk.tokens + [0] * (width - len(chunk.tokens)) for chunk in chunks])
        lengths = torch.tensor([len(chunk.known) for chunk in chunks])
        past = _Past(self._kept[slots.reshape(len(chunks), before)])
        seen = (torch.arange(before) >= before - lengths[:, None])[:, None, None].expand(-1, 1, width, -1)
        new = torch.ones(width, width, dtype=torch.bool).tril().expand(len(chunks), 1, -1, -1)
        output = self.decoder(
            input_ids=ids,
            attention_mask=torch.cat([seen, new], -1),
            position_ids=lengths[:, None] + torch.arange(width),
            past_key_values=past,
        )
        self._keep(chunks, past.new())
        rows = [row for row, chunk in enumerate(chunks) for _ in chunk.new]
        ends = [end - 1 for chunk in chunks for end in accumulate(len(segment.tokens) for segment in chunk.new)]
        return output.last_hidden_state[rows, ends]

    def _keep(self, chunks: Sequence[_Chunk], new: Tensor) -> None:
        for row, chunk in enumerate(chunks):
            start = self._used
            self._used += len(chunk.tokens)
            self._kept[start : self._used] = new[row, : len(chunk.tokens)]
            for segment in chunk.new:
                segment.era, segment.slot = self.eras, start
                start += len(segment.tokens)


class _Past:
    """What the model's layers use of a cache: what was kept, [rows, tokens, layers, 2, heads, width], and the new."""

    def __init__(self, kept: Tensor) -> None:
        self._kept = kept
        self._new: list[Tensor] = []

    def get_seq_length(self, *_: Any) -> int:
        return self._kept.shape[1]

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Keys and values, [rows, heads, tokens, width], behind those that were kept of the layer."""
        self._new.append(torch.stack([keys, values]))
        kept = self._kept[:, :, layer].permute(2, 0, 3, 1, 4)
        both = torch.cat([kept, self._new[-1]], -2)
        return both[0], both[1]

    def new(self) -> Tensor:
        """[rows, tokens, layers, 2, heads, width]"""
        return torch.stack(self._new).permute(2, 4, 0, 1, 3, 5)
