"""Published problem sets by name: their fields, where the gold answer stands, and the commit that the Hub's copy is of.

    problems=gsm8k problems.limit=20                        from the Hub, with the extra [datasets]
    problems=math500 problems.path=math500/test.jsonl       from a file
    problems=math problems.path=MATH/test                   from a folder of files, one a subject

docs/problems.md has the table.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import ClassVar

from experiments.problems.gold import AnswerRule
from experiments.problems.hub import HubSet
from experiments.problems.json_lines import Line, files, read_lines
from experiments.problems.sets import Jsonl, Problem

_LEVEL = re.compile(r"Level (\d)")


@dataclass(frozen=True)
class Published(Jsonl):
    """A set that also lies on the Hub."""

    hub: ClassVar[HubSet]
    path: str = ""
    """a file, one JSON object a line; empty: the Hub's copy, which needs the extra [datasets]"""
    revision: str = ""
    """the commit of the Hub's copy, 40 digits"""

    def _lines(self) -> Iterator[Line]:
        return super()._lines() if self.path else self.hub.lines(self.revision)


@dataclass(frozen=True)
class Gsm8k(Published):
    """GSM8K's test set (arXiv 2110.14168): the gold answer follows ``####`` in the worked answer."""

    hub: ClassVar[HubSet] = HubSet("openai/gsm8k", "test", ("main",))
    revision: str = "740312add88f781978c0658806c59bc2815b9866"
    answer_rule: AnswerRule = AnswerRule.AFTER_HASHES


@dataclass(frozen=True)
class Math500(Published):
    """MATH-500 (arXiv 2305.20050): 500 problems of the MATH test set."""

    hub: ClassVar[HubSet] = HubSet("HuggingFaceH4/MATH-500", "test")
    revision: str = "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be"
    question: str = "problem"
    id: str | None = "unique_id"
    level: str | None = "level"


@dataclass(frozen=True)
class Math(Published):
    r"""The whole MATH test set (arXiv 2103.03874), subject by subject: the gold answer is the solution's last box.

    Level `Level 5` is 5; ids are made of the file's name, or the subject on the Hub, and the line.
    """

    hub: ClassVar[HubSet] = HubSet(
        "EleutherAI/hendrycks_math",
        "test",
        (
            "algebra",
            "counting_and_probability",
            "geometry",
            "intermediate_algebra",
            "number_theory",
            "prealgebra",
            "precalculus",
        ),
    )
    path: str = ""
    """a file or a folder of .jsonl and .jsonl.gz; empty: the Hub's copy, which needs the extra [datasets]"""
    revision: str = "21a5633873b6a120296cce3e2df9d5550074f4a3"
    question: str = "problem"
    answer: str | None = "solution"
    answer_rule: AnswerRule = AnswerRule.LAST_BOXED
    level: str | None = "level"

    def _lines(self) -> Iterator[Line]:
        if not self.path:
            return super()._lines()
        return chain.from_iterable(map(read_lines, files(self.path, ".jsonl", ".jsonl.gz")))

    def _name(self, line: Line) -> str:
        return super()._name(line) if self.id else f"{line.part}/{line.number}"

    def _level(self, line: Line) -> str | int | None:
        level = super()._level(line)
        number = _LEVEL.fullmatch(str(level))
        return int(number[1]) if number else level


@dataclass(frozen=True)
class Aime24(Published):
    """AIME 2024, both papers: 30 problems whose answers are whole numbers from 0 to 999."""

    hub: ClassVar[HubSet] = HubSet("HuggingFaceH4/aime_2024", "train")
    revision: str = "2fe88a2f1091d5048c0f36abc874fb997b3dd99a"
    question: str = "problem"
    answer_rule: AnswerRule = AnswerRule.INTEGER
    id: str | None = "id"


@dataclass(frozen=True)
class Aime25(Aime24):
    """AIME 2025, both papers: 30 problems whose answers are whole numbers from 0 to 999."""

    hub: ClassVar[HubSet] = HubSet("math-ai/aime25", "test")
    revision: str = "563bb8404243c5f09de6ec262f2db674fe5bce9b"


@dataclass(frozen=True)
class Amc23(Published):
    """AMC 12 of 2023: 40 problems, reworded so that the answer is a whole number and no choice of five."""

    hub: ClassVar[HubSet] = HubSet("math-ai/amc23", "test")
    revision: str = "80815d37005feb82cd7f8fbc6901d5d3eff43057"
    answer_rule: AnswerRule = AnswerRule.INTEGER
    id: str | None = "id"


@dataclass(frozen=True)
class OlympiadBench(Published):
    """OlympiadBench (arXiv 2402.14008), the part that is open-ended, text only, maths, English, competition.

    Several answers are one gold answer with commas, which holds in any order; units are left out.
    """

    hub: ClassVar[HubSet] = HubSet("Hothan/OlympiadBench", "train", ("OE_TO_maths_en_COMP",))
    revision: str = "91184b52131e7fc9455fef848035173aea8cc01a"
    answer: str | None = "final_answer"
    answer_rule: AnswerRule = AnswerRule.LISTED
    id: str | None = "id"


@dataclass(frozen=True)
class Minerva(Published):
    r"""Minerva's problems from MIT OpenCourseWare (arXiv 2206.14858): 272 of science and mathematics.

    The Hub's copy has question and answer. The original has problem and solution, whose last box is the gold answer:
    a line with these two fields, and without the first two, is read so.
    """

    hub: ClassVar[HubSet] = HubSet("math-ai/minervamath", "test")
    revision: str = "ee46ddc498933b1977577953250ca5c66be64f96"

    def _problem(self, line: Line) -> Problem:
        if {"problem", "solution"} <= line.record.keys() and not {self.question, self.answer} & line.record.keys():
            original = replace(self, question="problem", answer="solution", answer_rule=AnswerRule.LAST_BOXED)
            return Jsonl._problem(original, line)
        return super()._problem(line)


@dataclass(frozen=True)
class Bigbench(Jsonl):
    """A BIG-bench task, one example a line."""

    question: str = "input"
    answer: str | None = "target"
