"""The knob that all scorers with a language model share."""

from dataclasses import dataclass

from search.errors import KnobError


@dataclass(frozen=True)
class ModelScorer:
    """A scorer that asks a language model."""

    model: str = ""
    """a folder, or a hub name"""
    thoughts: bool = False
    """reads what the policy thinks before its answer, too"""

    reads_logprobs = False  # of the policy's tokens

    def check_model(self) -> None:
        """Raises KnobError where no model is named."""
        if not self.model:
            raise KnobError("scorer.model: name a folder or a hub model")
