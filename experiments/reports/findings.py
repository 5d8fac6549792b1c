"""What a figure shows, as one sentence above it, in the verdicts of `stepsearch compare`."""

from collections.abc import Sequence

from experiments.analysis.baseline import cell_of, shared_problems
from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison, at_equal_scale, compared, comparisons
from experiments.analysis.curves import REFERENCE, SCALE
from experiments.analysis.differences import SIGNIFICANT
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.uncertainty import accuracy_interval
from experiments.errors import RunError
from experiments.reports.looks import label
from experiments.reports.tables import spread
from experiments.runs.axes import LABELS, Axis
from experiments.terminal import number, percent, plural
from search.answers.selection import Rule


def knob_of(cells: Cells) -> str:
    """What the searchers of a run differ in: N, or the limit that was swept."""
    return next((name.replace("_", " ") for key in cells.by_key for name, _ in key.limit), "N")


def equal(axis: str, knob: str) -> str:
    """What two searchers have in common on an axis: "equal generated tokens"."""
    return f"equal {knob}" if axis == SCALE else f"equal {LABELS[Axis(axis)].partition(',')[0]}"


def of_run(cells: Cells, rule: str, axes: Sequence[str]) -> str:
    """The finding of complete cells: against Best-of-N on the first axis that allows it; without one, of more samples.

    Empty where no answers were chosen by the rule.
    """
    knob = knob_of(cells)
    for axis in axes if REFERENCE in cells.searchers else ():
        try:
            found = (
                at_equal_scale(cells, REFERENCE, rule)
                if axis == SCALE
                else comparisons(cells, REFERENCE, Axis(axis), rule)
            )
        except RunError:
            continue
        if sentence := of_comparisons(found, REFERENCE, axis, knob, len(cells.problems)):
            return sentence
    return of_more(cells, rule, knob)


def of_comparisons(found: Sequence[Comparison], baseline: str, axis: str, knob: str, problems: int) -> str:
    """Which searcher is above the baseline, and by how much; empty where nothing could be compared."""
    judged = [one for one in found if one.difference is not None]
    if not judged:
        return ""
    better, worse = ([one for one in judged if one.verdict == verdict] for verdict in ("better", "worse"))
    where, count = f"at {equal(axis, knob)}", plural(problems, "problem")
    if not better + worse:
        names = list(dict.fromkeys(one.cell.searcher for one in judged))
        who = label(names[0]) if len(names) == 1 else "no searcher"
        verb = "cannot be told from" if len(names) == 1 else "can be told from"
        return _sentence(f"{who} {verb} {label(baseline)} {where} ({count})")
    first = max(better or worse, key=lambda one: abs(one.difference.mean) if one.difference else 0.0)
    start = "" if better else f"no searcher is above {label(baseline)}: "
    of_which = f"{label(first.cell.searcher)} ({knob} = {number(first.cell.scale)})"
    above = "above" if better else "below"
    facts = f"{_size(first)} points {above} {label(baseline)} {where} (95 % interval {_ends(first)}; {count})"
    rest = _others("also above it", better, first, worse, knob) + _others("below it", worse, first, better, knob)
    return _sentence(f"{start}{of_which} is {facts}{rest}")


def of_samples(cells: Cells) -> str:
    """What the votes of all independent samples gain over those of the fewest, and how often some sample is right."""
    members = list(cells.by_key.values())[-1]
    rights = [float(result.oracle or 0) for result in members]
    among = f"of {members[0].cell.n} samples one is right for {percent(sum(rights) / len(rights))} % of the problems"
    more = (of_more(cells, rule.value, "N") for rule in (Rule.WEIGHTED, Rule.MAJORITY, Rule.BEST))
    vote = next(filter(None, more), None)
    return f"{vote}; {among}" if vote else _sentence(f"{among} ({plural(len(cells.problems), 'problem')})")


def of_more(cells: Cells, rule: str, knob: str) -> str:
    """What the largest cell of the first searcher gains over its smallest; empty without answers by the rule."""
    names = [name for name in cells.searchers if rule in cells.rules[name]]
    own = [members for key, members in cells.by_key.items() if names and key.searcher == names[0]]
    problems = shared_problems(own, rule)
    if not problems:
        return ""
    first, last = (cell_of(members, Axis.GENERATED_TOKENS, rule, problems) for members in (own[0], own[-1]))
    count, scale = plural(len(problems), "problem"), f"{knob} = {number(last.scale)}"
    of_which = f"{label(names[0])} by {RULE_NAMES[rule]}"
    if len(own) == 1:
        ends = spread(accuracy_interval(list(last.correct)))
        return _sentence(f"{of_which} at {scale}: {percent(last.correct.mean())} % right (95 % {ends}; {count})")
    one, least = compared(last, first), f"{knob} = {number(first.scale)}"
    if one.difference is None or one.difference.p_value >= SIGNIFICANT:
        return _sentence(f"{of_which}: {scale} cannot be told from {least} ({count})")
    side = "above" if one.difference.mean > 0 else "below"
    facts = f"{_size(one)} points {side} {least} (95 % interval {_ends(one)}; {count})"
    return _sentence(f"{of_which}: {scale} is {facts}")


def _others(what: str, side: Sequence[Comparison], first: Comparison, opposite: Sequence[Comparison], knob: str) -> str:
    """The other searchers of one side; with their N where they are on both."""
    both = {one.cell.searcher for one in opposite}
    rest = [one for one in side if one is not first and (one.cell.searcher != first.cell.searcher or both)]
    named = dict.fromkeys(
        f"{label(one.cell.searcher)} at {knob} = {number(one.cell.scale)}"
        if one.cell.searcher in both
        else label(one.cell.searcher)
        for one in rest
    )
    return f"; {what}: {', '.join(named)}" if named else ""


def _size(one: Comparison) -> str:
    assert one.difference is not None
    return f"{100 * abs(one.difference.mean):.1f}"


def _ends(one: Comparison) -> str:
    """The interval of the distance, whichever side it is on."""
    assert one.difference is not None
    sign = 1 if one.difference.mean >= 0 else -1
    return " to ".join(f"{end:.1f}" for end in sorted(100 * sign * end for end in one.difference.interval))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
