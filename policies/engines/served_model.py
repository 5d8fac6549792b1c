"""Which of the models that a server names is the wanted one."""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.engines.models import ModelError, locate

Card = Mapping[str, Any]


def card_of(cards: Sequence[Card], wanted: str, named: str | None, url: str) -> Card:
    """The entry of /v1/models for the wanted model, or for the name that the user gives it there.

    Raises ModelError where no entry is of that name: another model's numbers would be taken for this one's.
    """
    names = [str(card.get("id")) for card in cards]
    if named is not None:
        found = [card for card in cards if card.get("id") == named]
    else:
        found = [card for card in cards if _same(wanted, card)]
    if not found:
        what = f"served={named}" if named is not None else f"model={wanted}"
        raise ModelError(
            f"url={url} serves {', '.join(names) or 'nothing'}, not {what}; if it is the same model by another name, "
            "say so: served=NAME"
        )
    return found[0]


def _same(wanted: str, card: Card) -> bool:
    ours = {_last(wanted), _last(locate(wanted))}
    root = str(card.get("root") or "")
    if "/snapshots/" in root:  # a folder of the hub's cache: models--OWNER--NAME/snapshots/COMMIT
        root = root.partition("/snapshots/")[0].rpartition("--")[2]
    return not ours.isdisjoint((_last(str(card.get("id"))), _last(root)))


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def context_of(card: Card, cards: Sequence[Card]) -> int:
    """The most tokens that the server reads; an adapter's entry leaves it to its model's. Raises ModelError."""
    for each in (card, *cards):
        if isinstance(each.get("max_model_len"), int):
            return each["max_model_len"]
    raise ModelError(f"{card.get('id')}: the server does not tell its context (max_model_len); is it vllm serve?")
