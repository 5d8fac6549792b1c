"""FLOPs of a decoder from its parameters: 2 x (parameters - input embedding) x tokens, plus attention.

Norms, softmax and rotary embeddings are left out (about 1 %); all experts of a mixture are counted, and full attention
in every layer.
"""

from typing import Any, NamedTuple


class Flops(NamedTuple):
    """What a forward pass costs. `body` and `head` count parameters, `attention` is layers x width of the queries."""

    body: int
    head: int
    attention: int

    @classmethod
    def of(cls, model: Any, head: int) -> "Flops":
        """`model` is a Transformers model without its head, `head` the number of parameters that give logits."""
        model = getattr(model, "language_model", model)  # of a model that reads images too
        config = model.config.get_text_config()
        total = sum(parameter.numel() for parameter in model.parameters())
        embedding = model.get_input_embeddings().weight.numel()
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return cls(total - embedding, head, config.num_hidden_layers * config.num_attention_heads * width)

    def beside(self, parameters: int) -> "Flops":
        """With an adapter of so many parameters."""
        return self._replace(body=self.body + parameters)

    def forward(self, before: int, tokens: int, heads: int) -> float:
        """`tokens` computed after `before` already in the cache, with logits for `heads` of them.

        A token at position p (from zero) attends to p + 1: 2 FLOPs each for the product with keys and with values.
        """
        attended = tokens * before + tokens * (tokens + 1) / 2
        return 2.0 * self.body * tokens + 2.0 * self.head * heads + 4.0 * self.attention * attended
