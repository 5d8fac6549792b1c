"""Rules of one's own for where steps end, token by token, and texts that come in parts."""

from collections.abc import Callable
from dataclasses import dataclass, field

from policies.engines.boundary import Delimiter, Token
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from search import End
from tests.engines.cuts import BOX, EOS, VOCABULARY, cut, ends


@dataclass(frozen=True)
class Noted:
    """Ends steps of two tokens, or of high entropy; notes what it is told, a list for each step."""

    steps: list[list[Token]] = field(default_factory=list[list[Token]])

    def watch(self) -> Callable[[Token], bool]:
        seen: list[Token] = []
        self.steps.append(seen)

        def ends(token: Token) -> bool:
            seen.append(token)
            return token.count == 2 or (token.entropy or 0) > 3.5

        return ends


def test_a_rule_is_told_each_token_of_a_step() -> None:
    rule = Noted()
    cutter = cut("a", "\n\n", "b", "a", "b", "a", EOS, given=("b",), boundary=rule)
    texts = ["ba\n\n", "ba", "b", "a", ""]
    assert ends(cutter.steps) == [*((text, End.DELIMITER) for text in texts[:-1]), ("", End.EOS)]
    assert rule.steps[0] == [
        Token(1, "b", 0.0, 0.0, 0),
        Token(0, "a", -0.1, 0.0, 1),
        Token(2, "\n\n", -0.2, 1.0, 2),
    ]
    assert [token.text for token in rule.steps[2]] == ["b"]


def test_limits_boxes_and_end_tokens_hold_whatever_the_rule() -> None:
    assert ends(cut(*BOX, "a", boundary=Noted()).steps) == [("\\boxed{7", End.DELIMITER), ("}a", End.DELIMITER)]
    assert ends(cut("a", "b", "a", boundary=Noted(), limits=Limits(max_steps=1)).steps) == [("ab", End.MAX_STEPS)]
    assert ends(cut("a", EOS, boundary=Noted()).steps) == [("a", End.EOS)], "not a boundary"
    assert ends(cut("a", "\n\n", "b", boundary=Delimiter(""), limits=Limits(max_tokens=3)).steps) == [
        ("a\n\nb", End.MAX_TOKENS)
    ]


def test_a_character_of_several_tokens_comes_with_the_last_of_them() -> None:
    """Bytes as tokens, of a delimiter that is no ASCII; a broken byte does not hide what follows it."""
    data = "a\u2028b".encode()
    texts = [bytes([i]).decode("utf-8", "replace") for i in range(256)]
    vocabulary = Vocabulary(texts, frozenset(), lambda ids: bytes(ids).decode("utf-8", "replace"))
    cutter = Cutter(vocabulary, Delimiter("\u2028"), Limits(), 0, 0, 100, None)
    for byte in data:
        cutter.push(byte, -0.1)
    assert ends(cutter.steps) == [("a\u2028", End.DELIMITER)]
    broken = Cutter(vocabulary, Delimiter("\n\n"), Limits(), 0, 0, 100, None)
    for byte in (0xE2, *b"abc\n\ndefghi"):
        broken.push(byte, -0.1)
    assert [step.text for step in broken.steps] == ["\ufffdabc\n\n"]


def test_an_id_that_the_tokenizer_does_not_know_has_no_text() -> None:
    rule = Noted()
    cutter = Cutter(VOCABULARY._replace(decode=lambda ids: ""), rule, Limits(), 0, 0, 100, None)
    cutter.push(10**6, -0.1)
    assert rule.steps[0][0].text == ""
