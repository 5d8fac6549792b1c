"""Shows what a search came to: the answer, the solution with its steps' scores, how far it is trusted, what it cost."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from experiments.analysis.solution import ScoredStep, Solution
from experiments.problems.arithmetic import read
from experiments.reports.trees import cost_table, draw, votes_table
from experiments.terminal import number, plain, plain_lines, plural
from policies.engines.models import SHIPPED
from search.tree.cost import Ledger

EXAMPLE = "((3 + 4) * (2 - 5)) ="


def shown(
    solution: Solution, *, votes: bool = False, tree: bool = False, cost: bool = False
) -> Iterator[RenderableType]:
    """The parts of the output: the tree where requested, answer, trust, steps, votes and cost."""
    if tree:
        yield draw(solution.tree, solution.ballot, solution.selection.by)
        yield ""
    yield answer_line(solution)
    if solution.path:
        yield Text(trust_line(solution))
        yield ""
        yield from map(step_line, solution.steps)
    if votes and solution.ballot.votes:
        yield ""
        yield votes_table(solution.ballot)
    yield ""
    yield cost_table(solution.cost) if cost else Text(cost_line(solution.cost), style="dim")


def answer_line(solution: Solution) -> Text:
    """The answer, bold where the scorer trusts it; or why there is none."""
    if solution.answer is None:
        return Text(no_answer(solution))
    return Text(f"answer: {plain(solution.answer)}", style="bold" if solution.trusted else "")


def no_answer(solution: Solution) -> str:
    """Why there is no answer."""
    leaves = solution.tree.leaves()
    cut = sum(leaf.truncated for leaf in leaves)
    return f"no answer: no solution finished with an answer ({len(leaves)} ended, {cut} of them cut by a limit)"


def trust_line(solution: Solution) -> str:
    """What the scorer that chose thinks of the solution, and how many solutions say the same."""
    leaves = sum(len(vote.leaves) for vote in solution.ballot.votes)
    same = len(solution.ballot.votes[0].leaves)
    agreeing = f"{same:,} of {plural(leaves, 'solution')} {'have' if same != 1 else 'has'} this answer"
    who = "the scorer" if solution.selection.by is None else f"the {plain(solution.selection.by)} scorer"
    if not solution.trusted:
        return f"{who} trusts none of the solutions: the highest has {solution.best:.2g}; {agreeing}"
    trust = solution.trust
    return agreeing if trust is None else f"{who} gives this solution {trust:.3f}; {agreeing}"


def shipped_line(policy: object, scorer: object, question: str = "") -> str | None:
    """What the shipped pair of models knows; None for any other policy or scorer, and for a question that is such."""
    if read(question) is not None:
        return None
    if getattr(policy, "model", None) in SHIPPED and getattr(scorer, "model", None) in SHIPPED:
        return (
            f"the shipped models know arithmetic like '{EXAMPLE}' and nothing else; "
            "for other questions give policy.model= and scorer.model="
        )
    return None


def step_line(step: ScoredStep) -> Text:
    """The score and the text of a step; of a thought its length."""
    score = f"{'-' if step.score is None else f'{step.score:.3f}':>9}  "
    if step.thought:
        return Text(f"{score}[thought of {step.tokens:,} tokens, left out; show=tree has it]", style="dim")
    line = Text(score, style="cyan")
    text = plain_lines(step.text.strip("\n")).replace("\n", "\n" + " " * len(score))
    return line.append(text, style="default")


def cost_line(ledger: Ledger) -> str:
    """The cost of a search, in one line."""
    calls = ledger.policy_calls + ledger.scorer_calls
    parts = [
        plural(ledger.samples, "solution"),
        f"{plural(ledger.generated_tokens, 'token')} written",
        plural(calls, "request"),
        f"{number(ledger.flops)} FLOPs" if ledger.flops is not None else "FLOPs unknown",
        f"{ledger.seconds:.1f} s" if ledger.seconds is not None else "",
    ]
    return ", ".join(filter(None, parts))
