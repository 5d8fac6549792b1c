r"""Finding the final answer in a text: what stands in its last complete `\boxed{...}`."""

import re

# An escape such as `\{` or `\\` is one token and so never opens or closes a brace. `\\boxed{` still opens a box: models
# that escape twice mean one.
_TOKEN = re.compile(r"\\boxed\s*\{|\\(?!\\boxed).|[{}]", re.DOTALL)


def boxed(text: str) -> str | None:
    r"""The content of the last complete `\boxed{...}` of `text`, or None if no box is complete.

    Of nested boxes the innermost is the last, for it is opened last. Braces balance, escaped ones (`\{`, `\}`) do not
    count. The content is returned as written and may be empty. One pass: linear in the length of any text.
    """
    last: tuple[int, int] | None = None
    opened: list[int] = []  # for every open brace: where its box's content starts, or -1 for a brace that is no box
    for token in _TOKEN.finditer(text):
        if token[0] == "}" and opened:
            start = opened.pop()
            if start >= 0 and (last is None or start > last[0]):
                last = start, token.start()
        elif token[0] == "{":
            opened.append(-1)
        elif token[0].startswith(r"\boxed"):
            opened.append(token.end())
    return None if last is None else text[last[0] : last[1]]


def has_boxed(text: str) -> bool:
    r"""Whether `text` holds a complete `\boxed{...}`, and so a final answer; a box merely quoted empty holds none."""
    return bool((boxed(text) or "").strip())
