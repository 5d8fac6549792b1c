"""Selections against those that search-and-learn published with its own runs, where these are beside the checkout."""

import gzip
import json

import pytest

from experiments.problems.completions import Completions
from experiments.problems.solution import as_tree
from search import Reduction, Rule, Selection
from search.answers.boxes import boxed
from search.answers.equivalence import equivalent
from tests.command_line import DATA

RUNS = DATA / "search_and_learn_runs"


def letters(*places: int) -> set[tuple[int, int, str]]:
    return {(place, 1, rule) for place in places for rule in ("naive", "weighted", "maj")}


@pytest.mark.skipif(not RUNS.exists(), reason="no ../shared/data/search_and_learn_runs beside the checkout")
@pytest.mark.parametrize("most", [16, pytest.param(256, marks=pytest.mark.slow)])
def test_selections_agree_with_search_and_learn(most: int):
    """Their reduction is the last score. Of equal scores they take the first, as we take the lowest path.

    Where they disagree is one problem whose answers have variables (p and q): their grouping brings such answers to a
    canonical form that several different ones share, and a vote of theirs then falls on the answer 1.
    """
    path = RUNS / "llama1b_bon_n256_q3.jsonl.gz"
    samples = Completions(str(path)).load()
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    compared, differ = 0, set[tuple[int, int, str]]()
    for place, row in enumerate(rows):
        mine = samples[256 * place : 256 * (place + 1)]
        assert [s.scores[-1] for s in mine if s.scores] == row["agg_scores"]
        for k in (2**power for power in range(most.bit_length())):
            tree = as_tree(mine[:k], {s.id: s.scores or () for s in mine})
            for rule, name in ((Rule.BEST, "naive"), (Rule.WEIGHTED, "weighted"), (Rule.MAJORITY, "maj")):
                theirs = boxed(row[f"pred_{name}@{k}"]) or ""
                compared += 1
                if not any(equivalent(answer, theirs) for answer in Selection(rule, Reduction.LAST)(tree).tied):
                    differ.add((place, k, name))
                    assert theirs == "1"
    assert compared == 9 * most.bit_length()
    seven = {(1, k, "maj") for k in (32, 64, 128, 256)} | {(1, k, "weighted") for k in (64, 128, 256)}
    assert differ == {(place, k, name) for place, k, name in seven if k <= most}


@pytest.mark.skipif(not RUNS.exists(), reason="no ../shared/data/search_and_learn_runs beside the checkout")
@pytest.mark.parametrize(
    ("name", "first", "same", "other", "without_box"),
    [
        ("single_llama3b_n1_q500", 150, 399, letters(71, 102), 45),
        ("beam_llama3b_n16_q100", 25, 342, {(15, 4, "maj")}, 32),
        pytest.param("single_llama3b_n1_q500", 500, 1350, letters(71, 102, 379, 425), 138, marks=pytest.mark.slow),
        pytest.param("beam_llama3b_n16_q100", 100, 1353, {(15, 4, "maj")}, 146, marks=pytest.mark.slow),
    ],
)
def test_selections_of_other_runs_differ_where_an_answer_is_read_otherwise(
    name: str, first: int, same: int, other: set[tuple[int, int, str]], without_box: int
):
    """Of a solution without a box they take the last number; ours does not vote. Of a boxed answer they drop letters,
    blanks and dots (`70 14` is 7014, `(a + 5)(b + 2)` is (5)(2)), and `√` differs from \\sqrt.
    """
    path = RUNS / f"{name}.jsonl.gz"
    samples = Completions(str(path)).load()
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    n, agree, boxless, differ = len(rows[0]["completions"]), 0, 0, set[tuple[int, int, str]]()
    assert len(rows) >= first
    for place, row in enumerate(rows[:first]):
        mine = samples[n * place : n * (place + 1)]
        assert [s.scores[-1] for s in mine if s.scores] == row["agg_scores"]
        for k in (2**power for power in range(n.bit_length())):
            tree = as_tree(mine[:k], {s.id: s.scores or () for s in mine})
            all_boxed = all(boxed("\n\n".join(s.steps)) is not None for s in mine[:k])
            for rule, label in ((Rule.BEST, "naive"), (Rule.WEIGHTED, "weighted"), (Rule.MAJORITY, "maj")):
                theirs = boxed(row[f"pred_{label}@{k}"]) or ""
                if any(equivalent(answer, theirs) for answer in Selection(rule, Reduction.LAST)(tree).tied):
                    agree += 1
                elif all_boxed:
                    differ.add((place, k, label))
                else:
                    boxless += 1
    assert (agree, differ, boxless) == (same, other, without_box)
