"""The commands by name: where each one is, and a line for the list."""

from typing import NamedTuple


class Command(NamedTuple):
    """A subcommand: a module with `main` and a dataclass of knobs named after the command, and a line for the list."""

    module: str
    summary: str
    question: bool = False  # the first argument is a question or a word; only the rest is read as key=value


COMMANDS = {
    "demo": Command("experiments.commands.demo", "show in two minutes what search buys, with the shipped models"),
    "solve": Command("experiments.commands.solve", "search one question; print its answer, votes, cost and tree", True),
    "prompt": Command("experiments.commands.prompt", "print exactly what a model is sent for a question", True),
    "serve": Command(
        "experiments.commands.serve", "an OpenAI-compatible endpoint in front of search, and a page to watch"
    ),
    "sweep": Command(
        "experiments.commands.sweep", "run searchers x budgets x problems; write results, summary and curves"
    ),
    "merge": Command("experiments.commands.merge", "put the shards of a sweep together"),
    "import": Command("experiments.commands.importing", "make a run folder from samples generated elsewhere"),
    "curves": Command("experiments.commands.curves", "draw a sweep's accuracy against its compute"),
    "estimate": Command("experiments.commands.estimate", "pass@k, G-Pass@k and votes of k, estimated from n samples"),
    "compare": Command("experiments.commands.compare", "compare a sweep's searchers at equal compute"),
    "plan": Command("experiments.commands.plan", "choose a searcher for a budget, by level of difficulty"),
    "report": Command("experiments.commands.report", "make one HTML page of a sweep: curves, problems, trees"),
    "judge": Command("experiments.commands.judge", "evaluate a scorer on labelled solutions and in Best-of-N"),
    "label": Command("experiments.commands.label", "label the steps of a run's solutions, to train a reward model"),
    "export": Command("experiments.commands.export", "write a run's labels as training data"),
    "train": Command("experiments.commands.train", "train a process reward model on exported labels"),
    "engines": Command("experiments.commands.engines", "print, or run, vllm serve for a policy and a scorer"),
    "list": Command("experiments.commands.listing", "list searchers, scorers, policies, models or problem sets", True),
    "completion": Command("experiments.commands.completion", "print a script that completes words in a shell", True),
}
