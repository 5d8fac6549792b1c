"""Run folders made by hand for the tests of the report: many problems, or texts that would like to run."""

import json
import random
from pathlib import Path
from typing import Any

from experiments.runs.results import Answer, CellKey, Result
from experiments.runs.tree_files import tree_name
from search import End, Ledger, Step, Tree

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
WORDS = "so we take the sum of both sides and find that it equals therefore next divide by to get which gives".split()  # noqa: SIM905


def a_tree(question: str, seed: int, texts: list[list[str]]) -> Tree:
    """A branch from the root for each list of steps, the last of which ends the solution; scores are random."""
    rng, tree = random.Random(f"{question} {seed}"), Tree(question, seed)
    for steps in texts:
        node = tree.root
        for place, text in enumerate(steps):
            end = End.ANSWER if place == len(steps) - 1 else End.DELIMITER
            node = node.add(node.reserve(1).start, Step(text, (1, 2), (-0.1, -0.2), end))
            tree.ledger = tree.ledger._replace(
                samples=tree.ledger.samples + (end is End.ANSWER),
                generated_tokens=tree.ledger.generated_tokens + len(text) // 4,
                flops=(tree.ledger.flops or 0.0) + 1e9,
                policy_calls=tree.ledger.policy_calls + 1,
            )
            node.score, node.birth = rng.random(), tree.ledger
    tree.stopped = "done"
    return tree


def solution(rng: random.Random, steps: int, answer: int) -> list[str]:
    """Steps of sixty words and a formula each."""
    texts: list[str] = []
    for _ in range(steps):
        a, b = rng.randrange(1000), rng.randrange(1, 100)
        texts.append(" ".join(rng.choices(WORDS, k=60)) + rf" $\frac{{{a}}}{{{b}}} + x^{{{b}}}$." + "\n\n")
    return [*texts, rf"The answer is \boxed{{{answer}}}."]


def write_run(
    folder: Path,
    problems: int = 6,
    samples: int = 4,
    steps: int = 2,
    trees: bool = True,
    searchers: tuple[str, ...] = ("best_of_n", "beam"),
    seeds: tuple[int, ...] = (0,),
) -> Path:
    """Problems p-0, p-1, ... of level 0 to 4, on which Best-of-N is right where 2 divides, another where 3 does."""
    (folder / "trees").mkdir(parents=True, exist_ok=True)
    with (folder / "results.jsonl").open("w") as file:
        for place in range(problems):
            for searcher in searchers:
                for seed in seeds:
                    result, tree = _search(place, searcher, samples, steps, seed)
                    file.write(result.dumps() + "\n")
                    if trees:
                        name = tree_name(result.key)
                        (folder / "trees" / f"{place:05d}-{name}").write_text(tree.dumps())
    (folder / "config.yaml").write_text("selection:\n  rule: majority\n  reduction: null\n")
    (folder / "versions.json").write_text(json.dumps({"python": "3.11"}))
    (folder / "command.json").write_text(json.dumps(["problems.limit=6"]))
    return folder


def _search(place: int, searcher: str, samples: int, steps: int, seed: int) -> tuple[Result, Tree]:
    right = place % (2 if searcher == "best_of_n" else 3) == 0
    rng = random.Random(f"{place % 20} {searcher} {seed}")  # twenty texts, so that a large run is soon made
    question = rf"Problem {place}: what is $\frac{{{place}}}{{2}}$?"
    tree = a_tree(question, seed, [solution(rng, steps, 7 if right else 8) for _ in range(samples)])
    chosen = Answer("7" if right else "8", float(right))
    cell = CellKey(searcher, samples)
    selections = dict.fromkeys(("best", "majority", "weighted"), chosen)
    rest: Any = (cell, seed, selections, right, False, "done", tree.ledger, None)
    return Result(f"p-{place}", question, place % 5, "7", *rest), tree


def write_hostile_run(folder: Path) -> Path:
    """One problem whose id, question, steps, answer, level and error would all like to run as a script."""
    (folder / "trees").mkdir(parents=True, exist_ok=True)
    steps = [[f"{HOSTILE} $\\text{{{HOSTILE}}}$\n\n", f"\\boxed{{{HOSTILE}}}"], ["fine\n\n", "\\boxed{7}"]]
    question = f"{HOSTILE} \\href{{javascript:alert(1)}}{{x}} $\\href{{javascript:alert(1)}}{{x}}$"
    tree = a_tree(question, 0, steps)
    chosen = {"best": Answer(HOSTILE, 0.0)}
    with (folder / "results.jsonl").open("w") as file:
        for searcher, error in (("best_of_n", None), ("beam", f"ValueError: {HOSTILE}")):
            cell = CellKey(searcher, 2)
            selections = {} if error else chosen
            ledger = Ledger(generated_tokens=100, flops=1e9)
            result = Result(
                HOSTILE, question, HOSTILE, HOSTILE, cell, 0, selections, False, False, "done", ledger, error
            )
            file.write(result.dumps() + "\n")
            name = tree_name(result.key)
            (folder / "trees" / f"00000-{name}").write_text(tree.dumps())
    (folder / "config.yaml").write_text(f"selection: {json.dumps(HOSTILE)}\n")
    return folder
