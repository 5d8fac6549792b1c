"""Warns in words that too many solutions came to nothing: why, what to change, and an example."""

from collections.abc import Iterable, Iterator, Mapping

from experiments.analysis.endings import losses, lost_share
from experiments.runs.endings import IN_THOUGHT, NO_ANSWER, THOUGHT_CUT, Endings
from experiments.terminal import percent, plain, plural
from search.tree.step import End

_CAUSES = {
    End.MAX_TOKENS.value: ("cut by max_tokens", "raise policy.max_tokens"),
    End.MAX_STEPS.value: ("cut by max_steps", "raise policy.max_steps, or choose a longer policy.delimiter"),
    End.CONTEXT.value: ("cut by the context", "a longer one: another model, or policy.context on vLLM"),
    IN_THOUGHT: ("ended within the thought", "policy.thinking names the tags, and stepsearch prompt shows the prompt"),
    THOUGHT_CUT: ("without an answer behind a thought that was cut", "raise policy.max_thinking_tokens"),
    NO_ANSWER: ("finished without an answer", "answer=last_number, after or regex; or ask for a box in the prompt"),
}


def warnings(endings: Mapping[str, Endings], prompt_losses: Iterable[str] = ()) -> Iterator[str]:
    """A line for all that a prompt lost, then one for each searcher of which too much was lost, and an example."""
    yield from (f"warning: {lost}" for lost in prompt_losses)
    warned = losses(endings)
    for searcher, one in warned.items():
        causes = sorted(one.lost, key=one.lost.__getitem__, reverse=True)
        parts = [f"{percent(one.lost[cause] / one.leaves)} % {_CAUSES[cause][0]}" for cause in causes]
        remedies = "; ".join(_CAUSES[cause][1] for cause in causes)
        share = f"{percent(lost_share(one))} % of {plural(one.leaves, 'solution')}"
        yield f"warning: {searcher}: {share} came to nothing ({', '.join(parts)}): {remedies}"
    example = next((one for one in warned.values() if one.cause), None)
    if example is not None and example.cause is not None:
        yield f"an example, {_CAUSES[example.cause][0]}: ...{plain(example.example)}"
