"""What `stepsearch.solve` returns: a solution that shows itself, as text and, in a notebook, as HTML with its tree."""

from html import escape

from rich.console import Console

from experiments.analysis.solution import Solution
from experiments.api.picture import picture
from experiments.reports.solution import cost_line, no_answer, shown, trust_line
from experiments.terminal import plain


class Solved(Solution):
    """The result of a search: `answer`, `solution`, `steps` with their scores, `trust`, `votes`, `cost` and `tree`."""

    def __repr__(self) -> str:
        console = Console(width=100, file=None, record=False, color_system=None)
        with console.capture() as captured:
            for part in shown(self):
                console.print(part, markup=False, highlight=False)
        return captured.get().rstrip()

    def _repr_html_(self) -> str:
        """For notebooks: the answer, the steps with their scores, the votes, a picture of the tree, the cost."""
        if self.answer is None:
            return f"<p>{escape(no_answer(self))}</p><p><small>{escape(cost_line(self.cost))}</small></p>"
        weight = "bold" if self.trusted else "normal"
        votes = ", ".join(f"{escape(plain(answer))}: {value:.4g}" for answer, value in self.votes.items())
        return (
            f'<p style="font-weight:{weight}">answer: {escape(plain(self.answer))}</p><p>{escape(trust_line(self))}</p>'
            f"{self._steps()}<p>votes ({self.ballot.rule}): {votes}</p>{picture(self.tree, self.path)}"
            f"<p><small>{escape(cost_line(self.cost))}</small></p>"
        )

    def _steps(self) -> str:
        rows = "".join(
            f"<tr><td>{'-' if step.score is None else f'{step.score:.3f}'}</td>"
            f'<td style="text-align:left;white-space:pre-wrap">'
            f"{f'[thought of {step.tokens:,} tokens]' if step.thought else escape(step.text.strip())}</td></tr>"
            for step in self.steps
        )
        return f"<table><tr><th>score</th><th>step</th></tr>{rows}</table>"
