"""Whether a server holds the same weights as before, behind the same name: the numbers that it gives for a fixed text.

Numbers of one model on one kind of machine differ by what it computes beside, so that they are compared with a
tolerance; weights that differ by less are not noticed.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

TOLERANCE = 0.25  # of a log-probability, or of a head's raw number; half precision differs by about a tenth
WORDS = 16


class Probe(NamedTuple):
    """The model as the server names it, its context, and its numbers by name."""

    root: str
    context: int
    numbers: Mapping[str, float]

    def dumps(self) -> str:
        return json.dumps({**self._asdict(), "numbers": dict(self.numbers)})

    def differs(self, other: "Probe") -> str:
        """How the other one differs, in words; empty where it may be the same model."""
        if self.context != other.context:
            return f"it reads {other.context} tokens, not {self.context}"
        shared = self.numbers.keys() & other.numbers.keys()
        if not shared:
            return "it gives other tokens for a fixed text: other weights"
        far = max(shared, key=lambda name: _distance(self.numbers[name], other.numbers[name]))
        if _distance(self.numbers[far], other.numbers[far]) > TOLERANCE:
            return f"it gives {other.numbers[far]:.3f}, not {self.numbers[far]:.3f}, for a fixed text: other weights"
        return ""


def _distance(left: float, right: float) -> float:
    return 0.0 if left == right else abs(left - right)


def loads(text: str) -> Probe:
    """Raises ValueError, KeyError or TypeError where the text is none of `dumps`."""
    fields: dict[str, Any] = json.loads(text)
    return Probe(fields["root"], fields["context"], fields["numbers"])


def text(vocabulary: int, length: int) -> list[int]:
    """The fixed text: token ids that every model of so large a vocabulary has."""
    return [(7 * place + 3) % min(vocabulary, 1000) for place in range(length)]


def words(vocabulary: int) -> list[int]:
    """The ids whose log-probabilities are compared."""
    return list(range(min(vocabulary, WORDS)))
