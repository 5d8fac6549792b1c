"""The stages of the loop for one seed, and of the label methods side by side: which command runs with what.

loop:
    round 0: sample, label the samples, train PRM 0, evaluate it
    for each round r: search with PRM r - 1, label, train PRM r from the base on all labels so far, evaluate it

methods, on samples of as many problems as the loop has in all, each with its labels, its PRM and its evaluation:
    monte_carlo  the loop without its searches
    consensus    of monte_carlo and a noisy critic, which costs nothing
    binary       on more problems, at the cost of monte_carlo
    exact        the solutions of monte_carlo
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from experiments.labels.labels import FOLDER, Method, labels_file
from experiments.problems.sets import Arithmetic
from experiments.runs.atomic import write_whole
from experiments.tiny.rounds.commands import export_stage, label_stage, sweep_stage, train_stage
from experiments.tiny.rounds.files import exact_stage, together_stage, within_stage
from experiments.tiny.rounds.knobs import HELD_OUT_SEED, NOISY, Knobs, policy_words, problem_words, scorer_words
from experiments.tiny.rounds.stages import Stage

SEARCH = ("searchers=mcts", "budgets=64")  # with which the rounds make their training data
METHODS = ("monte_carlo", "consensus", "binary", "exact")
ROWS, PRM, TREES, SAMPLES = "rows.jsonl", "prm", "searches", "methods/samples"
EVALUATIONS = ("evaluation", "evaluation_mcts")


def loop(knobs: Knobs, seed: int) -> Iterator[Stage]:
    """Round 0, then the rounds."""
    root = knobs.folder(seed)
    for number in range(knobs.rounds + 1):
        name = f"round-{number}"
        search = _samples(knobs) if number == 0 else [*SEARCH, *scorer_words(root / f"round-{number - 1}" / PRM)]
        words = [*problem_words(_problems_seed(seed, number), knobs.problems), *policy_words(root), f"seeds=[{seed}]"]
        yield sweep_stage(root, f"{name}/{TREES}", [*words, *search])
        yield label_stage(root, f"{name}/{TREES}", _estimation(knobs, seed, Method.MONTE_CARLO))
        yield export_stage(root, f"{name}/new.jsonl", f"{name}/{TREES}", Method.MONTE_CARLO.value, knobs)
        yield together_stage(root, f"{name}/{ROWS}", [f"round-{before}/new.jsonl" for before in range(number + 1)])
        yield from _trained(knobs, seed, name)


def methods(knobs: Knobs, seed: int) -> Iterator[Stage]:
    """Samples, their labels by each method, and what each method makes of them."""
    root, count = knobs.folder(seed), knobs.problems * (knobs.rounds + 1)
    few, more, paid = SAMPLES, "methods/more_samples", f"{FOLDER}/{Method.MONTE_CARLO.value}.jsonl"
    common = [*policy_words(root), f"seeds=[{seed}]", *_samples(knobs)]
    yield sweep_stage(root, few, [*problem_words(_problems_seed(seed, 101), count), *common])
    yield sweep_stage(root, more, [*problem_words(_problems_seed(seed, 102), 3 * count), *common])

    yield label_stage(root, few, _estimation(knobs, seed, Method.MONTE_CARLO))
    critic = ["scorer=custom", f"scorer.cls={NOISY}", f"scorer.args.error={knobs.error}", f"scorer.args.seed={seed}"]
    yield label_stage(root, few, ["method=critic", *critic])
    yield label_stage(root, few, ["method=consensus"])
    for run in (few, more):
        yield label_stage(root, run, _estimation(knobs, seed, Method.BINARY))

    yield export_stage(root, f"methods/monte_carlo/{ROWS}", few, "monte_carlo", knobs)
    yield export_stage(root, f"methods/consensus/{ROWS}", few, "consensus", knobs)
    yield within_stage(root, "methods/binary", [few, more], Method.BINARY, f"{few}/{paid}")
    yield export_stage(root, f"methods/binary/{ROWS}", "methods/binary", "binary", knobs)
    yield exact_stage(root, f"methods/exact/{ROWS}", f"methods/monte_carlo/{ROWS}")
    for method in METHODS:
        yield from _trained(knobs, seed, f"methods/{method}")


def held_out(knobs: Knobs) -> Stage:
    """The held-out questions, which no training row may ask."""

    def make() -> int:
        problems = Arithmetic(HELD_OUT_SEED, 2 * knobs.unseen, 2, 4, knobs.unseen).load()
        write_whole(knobs.held_out, "".join(json.dumps({"question": each.question}) + "\n" for each in problems))
        return 0

    return Stage(knobs.held_out.name, problem_words(HELD_OUT_SEED, knobs.unseen), make)


def _trained(knobs: Knobs, seed: int, name: str) -> Iterator[Stage]:
    """A PRM on the rows in a folder, and its evaluation."""
    root = knobs.folder(seed)
    yield train_stage(root, f"{name}/{PRM}", f"{name}/{ROWS}", knobs, seed)
    words = [*problem_words(HELD_OUT_SEED, knobs.unseen), *policy_words(root), f"seeds=[{seed}]"]
    for folder, searchers in zip(EVALUATIONS, searchers_of(knobs), strict=True):
        yield sweep_stage(root, f"{name}/{folder}", [*words, *scorer_words(root / name / PRM), *searchers])


def searchers_of(knobs: Knobs) -> tuple[list[str], list[str]]:
    """Those of the evaluations: a simulation of MCTS costs an eighth of a sample, most of its steps are known."""
    return (
        ["searchers=best_of_n,beam", f"budgets=[{knobs.n}]"],
        ["searchers=mcts", f"budgets=[{8 * knobs.n}]"],
    )


def _samples(knobs: Knobs) -> list[str]:
    """Independent samples, twice as many as are labelled, for many are equal; the scorer chooses nothing."""
    unjudged = ["scorer=custom", "scorer.cls=scorers.self_certainty:SelfCertainty"]
    return ["searchers=best_of_n", f"budgets=[{2 * knobs.solutions}]", *unjudged]


def _estimation(knobs: Knobs, seed: int, method: Method) -> list[str]:
    return [f"method={method.value}", f"k={knobs.k}", f"solutions={knobs.solutions}", f"seed={seed}"]


def _problems_seed(seed: int, part: int) -> int:
    """The seed of a part's problems: another one for each seed and part."""
    return 1_000 * (seed + 1) + part


def arms(knobs: Knobs) -> dict[str, str]:
    """The PRMs that are compared, by their names, and their folders below a seed's."""
    rounds = {f"round {number}": f"round-{number}" for number in range(knobs.rounds + 1)}
    return rounds | ({method: f"methods/{method}" for method in METHODS} if knobs.methods else {})


def baseline_of(name: str, names: Iterable[str]) -> list[str]:
    """The PRMs with which one is compared: round 0 with every later round, monte_carlo with every other method and with
    the last round, which differs from it by its searches alone.
    """
    rounds = [each for each in names if each not in METHODS]
    if name in METHODS:
        return [] if name == METHODS[0] else [METHODS[0]]
    last = [METHODS[0]] if name == rounds[-1] and METHODS[0] in names else []
    return [] if name == rounds[0] else [rounds[0], *last]


def evaluations(knobs: Knobs, seed: int, folder: str) -> list[Path]:
    """The run folders of a PRM's evaluation."""
    return [knobs.folder(seed) / folder / name for name in EVALUATIONS]


def labels_files(knobs: Knobs, seed: int, name: str) -> list[Path]:
    """The labels of a PRM that cost completions."""
    root, estimated = knobs.folder(seed), Method.MONTE_CARLO
    if name == Method.BINARY.value:
        return [labels_file(root / "methods/binary", Method.BINARY)]
    if name == "exact":
        return []
    if name in METHODS:
        return [labels_file(root / SAMPLES, estimated)]
    return [labels_file(root / f"round-{number}" / TREES, estimated) for number in range(int(name.split()[1]) + 1)]
