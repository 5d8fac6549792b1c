r"""Finding the final answer in a text: what stands in its last box that holds one.

Boxes are `\boxed{5}`, `\fbox{5}`, `\framebox{5}` and, without braces, `\boxed 5`. A box that is empty, or that repeats
the instruction (`\boxed{...}`, `\boxed{your answer}`), holds no answer.
"""

import re

_NAME = r"\\(?:boxed|fbox|framebox(?:\[[^\[\]{}]{0,30}\]){0,2})"
_NUMBER = r"\d+(?:[.,]\d+)*"
_COMMAND = r"\\(?!boxed|fbox|framebox)[A-Za-z]+(?:\{[^{}\n]{0,80}\}){0,2}"
_ATOM = rf"(?:{_NUMBER}|{_COMMAND}|[A-Za-z](?![A-Za-z])|[\^_]\{{[^{{}}\n]{{0,80}}\}}|[-+*/^_])"
# A letter alone may begin a word of prose: it is an answer only where nothing but punctuation follows.
_FIRST = rf"[-+]?(?:{_NUMBER}|{_COMMAND}|[A-Za-z](?=[\^_+*/-]|\s*(?:[$.,;:!?)]|\\[)\]]|$)))"
_BARE = rf"{_FIRST}(?:{_ATOM}){{0,20}}(?<![-+*/^_])"

# An escape such as `\{` or `\\` is one token and so never opens or closes a brace. `\\boxed{` still opens a box: models
# that escape twice mean one.
_TOKEN = re.compile(
    rf"(?P<box>{_NAME}\s*\{{)|{_NAME}[ \t]*(?P<bare>{_BARE})|\\(?!{_NAME}).|[{{}}]",
    re.DOTALL,
)

_LONGEST = 80  # characters of a content that may repeat the instruction
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|boldsymbol|mbox)\s*\{([^{}]*)\}")
_BLANK = re.compile(
    r"\\(?:[,;:! ]|q?quad\b|hspace\*?\{[^{}]*\}|phantom\{[^{}]*\}|underline\b|[lc]?dots[bcimo]?\b|cdot\b|bullet\b"
    r"|square\b|Box\b|_)|[\s$~{}.,…?_□▢⬜]+"
)
_AROUND = "<>[]()\"'`*: "
_WHOSE = r"(?:(?:your|the|my|a|final|numerical|numeric|correct|exact|short|single|actual|complete)\s+)"
_INSTRUCTION = re.compile(
    rf"{_WHOSE}*(?:answer|solution|result)(?:\s+(?:here|goes here|value))?"
    rf"|{_WHOSE}+(?:value|number|expression|letter|choice|integer)(?:\s+here)?"
    r"|(?:insert|put|write|enter|give|place|fill in)\b.*(?:answer|result|solution|value|number|here)"
    r"|(?:你的|最终)?答案",
    re.IGNORECASE,
)


def boxed(text: str) -> str | None:
    r"""The content of the last complete box of `text` that holds an answer, as written; None where there is none.

    Of nested boxes the innermost is the last, for it is opened last; a box around another one never counts itself.
    Braces balance, escaped ones (`\{`, `\}`) do not count. One pass: linear in the length of any text.
    """
    last: tuple[int, int] | None = None
    opened: list[int] = []  # for every open brace: where its box's content starts, or -1 for a brace that is no box
    latest = -1  # where the latest complete box starts
    for token in _TOKEN.finditer(text):
        span: tuple[int, int] | None = None
        if token[0] == "}" and opened:
            span = opened.pop(), token.start()
        elif token[0] == "{":
            opened.append(-1)
        elif token["box"]:
            opened.append(token.end())
        elif token["bare"]:
            span = token.span("bare")
        if span is not None and span[0] > latest:
            latest = span[0]
            last = span if _answers(text, *span) else last
    return None if last is None else text[slice(*last)]


def _answers(text: str, start: int, stop: int) -> bool:
    """Whether a box's content is neither empty nor a repetition of the instruction."""
    content = text[start : min(stop, start + _LONGEST + 1)].strip()
    if stop - start > _LONGEST or not content:
        return bool(content) or bool(text[start:stop].strip())
    content = _WRAPPED.sub(r"\1", content)
    words = _BLANK.sub(" ", content).strip()
    within = content.strip(_AROUND)  # `[...]` is a placeholder, `[]` and `<` are answers
    blank = not words or (within and not _BLANK.sub("", within))
    return not (blank or _INSTRUCTION.fullmatch(words.strip(_AROUND)))


def has_boxed(text: str) -> bool:
    """Whether `text` has a complete box that holds an answer."""
    return boxed(text) is not None
