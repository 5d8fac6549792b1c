r"""Units behind a number, which are no part of its value: `5\text{ cm}^2`, `9.8\,\mathrm{m/s}`, `12 apples`, `9 (kg)`.

A bare letter is a variable: `2 m` is `2m` and not 2.
"""

import re

_KNOWN = (
    r"m/s/s|g/mol|km/h|kg/s|lbs|hrs|min|sec|kHz|MHz|GHz|keV|MeV|GeV|kPa|kWh|mol|rad|mph|kmh|m/s|J/K|deg|"
    r"kpc|Mpc|km|cm|mm|nm|dm|kg|mg|lb|oz|ft|yd|mi|hr|ms|ml|mL|dl|kL|Hz|eV|Pa|kJ|kW|MW|mW|mA|mV|kV|sq|cu|in|"
    r"AU|ly|pc"
)
_LONGER = (
    r"units?|inch(?:es)?|feet|foot|yards?|miles?|meters?|metres?|centimeters?|centimetres?|millimeters?|"
    r"kilometers?|kilometres?|grams?|kilograms?|pounds?|ounces?|tons?|liters?|litres?|gallons?|quarts?|"
    r"cups?|seconds?|minutes?|hours?|days?|weeks?|months?|years?|degrees?|radians?|dollars?|cents?|euros?|"
    r"points?|square|cubic|per|people|persons?|students?|children|men|women|boys?|girls?|apples?|oranges?|"
    r"books?|balls?|marbles?|coins?|ways?|times?|pieces?|items?|cars?|tickets?|pages?|sides?|edges?|"
    r"digits?|integers?|solutions?|steps?|moles?|joules?|newtons?|watts?|volts?|amperes?|amps?|ohms?|"
    r"kelvins?|pascals?|hertz|parsecs?|solar|masses"
)
_WORD = rf"(?:{_KNOWN}|{_LONGER})"
_POWER = r"(?: ?\^ ?(?:\{-?\d\}|-?\d))?"
_BARE = re.compile(
    rf"(?<=[\d)}}])(?!\d) *(?<![a-zA-Z\\]){_WORD}(?![a-zA-Z]){_POWER}(?:[ /]+{_WORD}(?![a-zA-Z]){_POWER})*$"
)
_BRACKETS = re.compile(rf"(?<=[\d}}]) +\((?:{_WORD}(?![a-zA-Z])|[a-zA-Z]{{4,}})(?:[ /]+[a-zA-Z]+{_POWER})*\)$")

_NAMED = rf"\\(?:text|mathrm|mbox|operatorname)\{{[^{{}}]*\}}{_POWER}"
_MORE = rf"(?: ?(?:\\cdot|\\times|/)? ?{_NAMED})*"
_OF_TEXT = re.compile(rf"(?<=[\w)}}\]%]) ?(?:{_NAMED}{_MORE}|\\frac\{{{_NAMED}{_MORE}\}}\{{{_NAMED}{_MORE}\}})(?! ?_)")
_WORDS = re.compile(r"[a-zA-Z]+")
_CONNECTIVES = (
    r"and|or|if|for|where|when|otherwise|is|are|has|have|to|not|no|in|of|the|mod|only|but|as|with|none|all|"
    r"such|that|any|each|x|y|z|n|k|i|e|even|odd|prime"
)
_CONNECTS = re.compile(rf"\b(?:{_CONNECTIVES})\b")
_WHOLE = re.compile(r"\\text\{ ?([-+]?\$?\d[\d.,]*(?:/\d+)?) ?([^{}\d]*)\}")


def without_units(latex: str) -> str:
    """The text without the units behind its numbers; a text that is all words stays. Linear in its length."""
    if whole := _WHOLE.fullmatch(latex):
        latex = f"{whole[1]} \\text{{{whole[2]}}}" if whole[2].strip() else whole[1]
    latex = _OF_TEXT.sub(lambda unit: "" if _is_unit(latex[: unit.start()], unit[0]) else unit[0], latex)
    return _BARE.sub("", _BRACKETS.sub("", latex)).strip()


def _is_unit(before: str, text: str) -> bool:
    """Whether the text is a unit: it follows a number or a bracket, and no word in it connects two parts."""
    words = [word if len(word) == 1 else word.lower() for word in _WORDS.findall(re.sub(r"\\[a-z]+", " ", text))]
    after_number = before[-1] in "0123456789)%" or (before.endswith(("\\pi", "}")) and not _ends_with_text(before))
    return after_number and bool(words or not text.strip()) and not _CONNECTS.search(" ".join(words))


def _ends_with_text(before: str) -> bool:
    start = before.rfind("\\")
    return before.startswith(("\\text", "\\mathrm", "\\mbox"), start) and "}" not in before[start:-1]
