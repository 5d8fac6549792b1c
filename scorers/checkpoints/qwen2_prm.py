"""Qwen2ForProcessRewardModel (Qwen2.5-Math-PRM) on Transformers' own Qwen2, without remote code."""

from typing import Any

from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2Model, Qwen2PreTrainedModel


class Qwen2ForProcessRewardModel(Qwen2PreTrainedModel):
    """A decoder and a two-way head; weights are named `model.*`, `score.0.*` and `score.2.*`."""

    outputs = 2

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__(config)
        self.model = Qwen2Model(config)
        width = config.hidden_size
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.outputs))
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor:
        """Logits of wrong and right, [batch, tokens, outputs]."""
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask, **kwargs).last_hidden_state
        return self.score(hidden)


class Qwen2ForRewardModel(Qwen2ForProcessRewardModel):
    """Qwen2.5-Math-RM: the same with a head of one number."""

    outputs = 1
