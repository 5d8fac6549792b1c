"""`stepsearch.sweep` and `stepsearch.read_run`: a run folder as an object with its results, summary and curves."""

import io
from base64 import b64encode
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.analysis.cells import Cells
from experiments.analysis.summary import Row, summarise
from experiments.api.arguments import Knobs, knob_overrides, listed, name_overrides
from experiments.api.blocking import blocking
from experiments.commands import sweep as command
from experiments.errors import INTERRUPTED, ConfigError
from experiments.reports.tables import summary_table
from experiments.runs.folder import config_of, new_folder
from experiments.runs.results import Result, read_results
from search.answers.selection import Rule


class Run:
    """The folder of a sweep. `results` has a row for each search, `summary` one for each cell and rule."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()

    @cached_property
    def results(self) -> list[Result]:
        """Raises RunError where the folder holds no run."""
        return read_results(self.folder)

    @cached_property
    def cells(self) -> Cells:
        """The results by cell, those estimated from larger cells included."""
        return Cells.of(self.results)

    @cached_property
    def summary(self) -> list[Row]:
        """A dictionary for each cell and rule: accuracy from 0 to 1 with its interval, counts, and mean costs."""
        return summarise(self.cells)

    @property
    def rule(self) -> Rule:
        """The rule that the sweep was started with; `weighted` where that is not known."""
        named = (config_of(self.folder).get("selection") or {}).get("rule")
        return Rule(named) if named else Rule.WEIGHTED

    @property
    def failed(self) -> list[Result]:
        """The searches that ended in an error."""
        return [result for result in self.results if result.error is not None]

    def frame(self) -> Any:
        """A pandas DataFrame with a row for each search. Raises ImportError where pandas is not installed."""
        try:
            from pandas import DataFrame  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ImportError("Run.frame needs pandas, which is not installed: pip install pandas") from error
        return DataFrame([_row(result) for result in self.results])

    def curves(self, name: str = "curves") -> list[Path]:
        """Draws accuracy against compute into the folder; returns the paths. Raises RunError where it cannot."""
        from experiments.reports.curves import draw_run  # loads matplotlib

        return draw_run(self.folder, self.cells, self.rule, name)

    def __repr__(self) -> str:
        console = Console(width=100, color_system=None)
        with console.capture() as captured:
            console.print(summary_table(self.summary, self.rule.value))
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{self.folder}: {len(self.results)} searches{failed}\n{captured.get().rstrip()}"

    def _repr_html_(self) -> str:
        """For notebooks: the summary, and the curves where they have been drawn."""
        drawn = self.folder / "curves.png"
        image = ""
        if drawn.exists():
            image = f'<img alt="curves" src="data:image/png;base64,{b64encode(drawn.read_bytes()).decode()}"/>'
        return f"<pre>{escape(repr(self))}</pre>{image}"


def read_run(folder: str | Path) -> Run:
    """The run in a folder of `stepsearch sweep` or `stepsearch import`. Raises RunError where it holds none."""
    run = Run(folder)
    _ = run.results
    return run


def sweep(
    searchers: Sequence[str] | None = None,
    budgets: Sequence[int] | None = None,
    *,
    policy: str = "tiny",
    scorer: str = "tiny-prm",
    problems: str = "arithmetic",
    limit: int | None = None,
    seeds: Sequence[int] = (0,),
    selection: str = "weighted",
    out: str | Path | None = None,
    knobs: Knobs | None = None,
) -> Run:
    """Runs searchers x budgets x problems, as `stepsearch sweep` does, and returns the run.

    The parts are texts, since the folder `out` (None: runs/sweep-<time>) keeps them: a name of the command line, a
    class of one's own as "mine:Careful", a model, for problems also a JSON Lines file. `knobs` are further ones of the
    command line, {"search.beam.branch": 2}. Raises ValueError for a wrong argument.
    """
    named = {"policy": policy, "scorer": scorer, "problems": problems, "selection": selection}
    for group, value in named.items():
        if not isinstance(value, str):
            raise ConfigError(f"{group} is {value!r:.60}; a sweep keeps texts: name a class of your own as mine:Class")
    folder = Path(out) if out else new_folder("sweep")
    words = [word for group, value in named.items() for word in name_overrides(group, value)]
    words += [*listed("searchers", searchers), *listed("budgets", budgets), *listed("seeds", seeds)]
    words += [f"problems.limit={limit}"] * (limit is not None) + [*knob_overrides(knobs), f"out={folder}"]

    def work() -> int:
        with redirect_stdout(io.StringIO()):
            return command.main(words)

    if blocking(work) >= INTERRUPTED:
        raise KeyboardInterrupt(f"the sweep was stopped; what had ended is in {folder}")
    return Run(folder)


def _row(result: Result) -> dict[str, Any]:
    """One search as a row: cell, answers and correctness by rule, cost."""
    chosen = {f"answer_{rule}": answer.answer for rule, answer in result.selections.items()}
    right = {f"correct_{rule}": answer.correct for rule, answer in result.selections.items()}
    limits = {f"budget_{name}": value for name, value in result.cell.limit}
    told = {name: getattr(result, name) for name in ("problem", "question", "level", "gold", "seed")}
    ended = {name: getattr(result, name) for name in ("oracle", "no_answer", "stopped", "error")}
    cell = {"searcher": result.cell.searcher, "n": result.cell.n, **limits}
    return {**told, **cell, **chosen, **right, **ended, **result.ledger.to_json()}
