"""The texts of tokens inside solutions: of a few, or of all that a model has."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

_texts: dict[Hashable, Sequence[str]] = {}  # of whole vocabularies, by the file that the tokenizer came from
_CHECKED = 61  # tokens of a vocabulary that are decoded twice


def decode_all(tokenizer: Any, ids_RT: Sequence[Sequence[int]]) -> list[str]:
    """Texts of tokens inside solutions, without special tokens.

    Each is decoded behind an anchor, because some tokenizers drop the space that a text begins with.
    """
    start, *texts = tokenizer.batch_decode(
        _anchored(tokenizer, ids_RT), skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return [text.removeprefix(start) for text in texts]


def token_texts(tokenizer: Any) -> Sequence[str]:
    """The text of each token; a second of work for 150,000, so that tokenizers of one file share it."""
    key = _origin(tokenizer)
    if key not in _texts:
        texts = _decode_vocabulary(tokenizer)
        if key is None:
            return texts
        _texts[key] = texts
    return _texts[key]


def _origin(tokenizer: Any) -> Hashable:
    """The file that a tokenizer was read from, as it is now; None where it has none, or tokens were added since."""
    file = Path(tokenizer.name_or_path or "", "tokenizer.json")
    if not tokenizer.name_or_path or not file.is_file():
        return None
    stat = file.stat()
    return str(file.resolve()), stat.st_mtime_ns, stat.st_size, len(tokenizer)


def _decode_vocabulary(tokenizer: Any) -> Sequence[str]:
    """All texts at once, by the tokenizer's fast core where that gives what the tokenizer itself gives."""
    ids = [[i] for i in range(max(tokenizer.get_vocab().values(), default=-1) + 1)]
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is None:
        return decode_all(tokenizer, ids)
    start, *texts = core.decode_batch(_anchored(tokenizer, ids), skip_special_tokens=True)
    texts = [text.removeprefix(start) for text in texts]
    sample = slice(None, None, max(1, len(ids) // _CHECKED))
    return texts if decode_all(tokenizer, ids[sample]) == texts[sample] else decode_all(tokenizer, ids)


def _anchored(tokenizer: Any, ids_RT: Sequence[Sequence[int]]) -> list[list[int]]:
    """An anchor alone, and each row behind it."""
    anchor = tokenizer.encode("a", add_special_tokens=False)
    return [anchor, *([*anchor, *ids] for ids in ids_RT)]
