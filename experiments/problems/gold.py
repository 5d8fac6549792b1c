r"""The gold answer of a problem: where it stands in the field that holds it.

It is taken as written where that is possible: `search.answers.equivalence` decides whether `\frac12` equals `0.5`.
"""

import re
from enum import StrEnum

from experiments.problems.json_lines import Line, ProblemError
from search.answers.boxes import boxed

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


_WHOLE_NUMBER = re.compile(r"(-?\d{1,18})(\.0*)?", re.ASCII)


_DOLLAR = re.compile(r"(?<!\\)\$")  # begins or ends mathematics; `\$` is money


class AnswerRule(StrEnum):
    """Where in the answer field the gold answer stands."""

    WHOLE = "whole"
    """the field as it is, text or number"""
    AFTER_HASHES = "after_hashes"
    """what follows the last ####, without thousands commas"""
    LAST_BOXED = "last_boxed"
    r"""the content of the last \boxed{...}"""
    INTEGER = "integer"
    """the field as a whole number: 25 for 25, 25.0 and 025, as number or as text"""
    LISTED = "listed"
    """the texts of a list, a comma between two, without dollar signs"""


_PLACES = {
    AnswerRule.AFTER_HASHES: " after '####'",
    AnswerRule.LAST_BOXED: r" in a complete '\boxed{...}'",
    AnswerRule.LISTED: " in its list",
}


def gold(line: Line, field: str, rule: AnswerRule) -> str:
    """The gold answer in a line's field. Raises ProblemError where the rule finds none there."""
    if rule is AnswerRule.INTEGER:
        return _integer(line, field)
    if rule is AnswerRule.LISTED:
        answer = ", ".join(_DOLLAR.sub("", text).strip() for text in line.texts("answer", field))
    elif rule is AnswerRule.LAST_BOXED:
        answer = boxed(line.text("answer", field)) or ""
    elif rule is AnswerRule.AFTER_HASHES:
        _, mark, after = line.text("answer", field).rpartition("####")
        answer = _THOUSANDS.sub("", after) if mark else ""
    else:
        answer = line.text_or_number("answer", field)
    if not answer.strip(", \n\t"):
        raise ProblemError(
            f"{line.where}: field {field!r} has no answer{_PLACES.get(rule, '')}; "
            "name another field with problems.answer; problems.answer_rule=whole takes a text as it is"
        )
    return answer.strip()


def _integer(line: Line, field: str) -> str:
    value = line.value("answer", field)
    number = _WHOLE_NUMBER.fullmatch(str(value).strip())
    if number is None:
        raise ProblemError(
            f"{line.where}: field {field!r} is {value!r:.60}, not a whole number; "
            "name another field with problems.answer; problems.answer_rule=whole takes a text as it is"
        )
    return str(int(number[1]))
