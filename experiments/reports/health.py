"""Says in lines of text how healthy a scorer's numbers are."""

from collections.abc import Iterator, Mapping

from experiments.analysis.health import SATURATED, Health
from experiments.runs.residuals import Residual
from experiments.terminal import percent

_DEPTHS = 8  # of the residuals that are printed one by one


def health_lines(health: Health | None) -> Iterator[str]:
    """What tells whether a vote by odds, by powers or by the best score may pay (docs/searchers.md)."""
    if health is not None and health.saturated is not None:
        yield f"wrong samples scored {SATURATED:g} or higher: {percent(health.saturated)} % of {health.wrong:,}"
    if health is not None and health.slope is not None:
        what = "slope of correctness on log-odds within a problem (votes by odds assume 1)"
        if health.interval is None:
            side = "tell all right samples from wrong ones" if health.slope > 0 else "are the wrong way round"
            yield f"{what}: none, since scores {side} ({health.problems} problems)"
        else:
            ends = f"{health.interval.low:.2f} to {health.interval.high:.2f}"
            yield f"{what}: {health.slope:.2f} ({ends}), {health.problems} problems"


def residual_line(residuals: Mapping[int, Residual]) -> Iterator[str]:
    """The Bellman residual by depth; the deepest ones are pooled. Nothing where there is none."""
    if not residuals:
        return
    depths = sorted(residuals)
    parts = [f"{residuals[depth].mean:+.3f}" for depth in depths[:_DEPTHS]]
    if deep := [residuals[depth] for depth in depths[_DEPTHS:]]:
        nodes = sum(residual.nodes for residual in deep)
        parts.append(f"deeper {sum(residual.nodes * residual.mean for residual in deep) / nodes:+.3f}")
    what = "Bellman residual, a step's score minus the mean of its next steps', at depth 1, 2, ..."
    yield f"{what}: {', '.join(parts)}"
