"""What a sweep is expected to cost: known answers, from results that are there and from searches as they end."""

from experiments.problems.sets import Problem
from experiments.runs.announcing import Held, forecast, plan
from experiments.runs.grid import Budgets, Cell, Name, cells
from experiments.runs.status import Status
from experiments.runs.tally import Expected, Tally
from experiments.terminal import duration
from policies.toy import Toy
from search import Beam, Ledger
from tests.results import costs, result

GRID = cells({"beam": Beam(1)}, Toy(), [1, 4], Budgets())[1:]  # without greedy decoding


def todo(problems: int, grid: list[Cell] = GRID) -> list[Name]:
    return [Name(place, Problem(f"p{place}", "q", "1"), cell, 0) for place in range(problems) for cell in grid]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_a_run_has_tells_what_more_of_it_costs():
    """10 problems in two cells, 20 and 80 tokens each, a second each, 4 at once."""
    kept = [result(problem, "beam", n, 1.0, 20 * n) for problem in (90, 91) for n in (1, 4)]
    tally = Tally(todo(10), kept, at_once=4)
    assert (tally.total, tally.before, tally.left) == (20, 4, 20)
    assert tally.expected() == Expected(1000.0, 5.0)
    assert plan(todo(10), tally) == "20 of 24 searches to run, of 10 problems in 2 cells"
    assert plan([], Tally([], kept, 4)) == "no search is left to run" and Tally([], kept, 4).expected() is None


def test_searches_that_end_tell_it_too():
    clock = Clock()
    tally = Tally(todo(10), [], at_once=4, clock=clock)
    assert tally.expected() is None and tally.in_flight == 0
    tally.begin()
    clock.now += 10
    small, large = (cell.key for cell in GRID)
    tally.ended(small, Ledger(generated_tokens=20, seconds=2), failed=False)
    assert tally.expected() is None, "nothing is known of the large cell"
    tally.ended(large, Ledger(seconds=3), failed=True)
    assert tally.expected() is None, "a failed search tells nothing of the others"
    tally.ended(large, Ledger(generated_tokens=80, seconds=8), failed=False)
    expected = Expected(9 * 20 + 8 * 80, (9 * 2 + 8 * 8) / 4)
    assert tally.expected() == expected
    assert tally.in_flight == 4 and tally.searches_per_second == 0.3 and tally.tokens_per_second == 10
    status = Status.of(tally, "running")
    assert (status.total, status.done, status.failed, status.left) == (20, 3, 1, expected.seconds)
    tally.pause()
    clock.now += 1000
    assert tally.elapsed == 10 and tally.in_flight == 0, "while somebody is asked, no time runs"


def test_unknown_tokens_are_not_zero():
    kept = [costs(result(0, "beam", n, 1.0, 20), generated_tokens=None) for n in (1, 4)]
    expected = Tally(todo(2), kept, 4).expected()
    assert expected is not None and expected.tokens is None and "an unknown number of tokens" in forecast(expected, 4)
    tally = Tally(todo(2), [], 4)
    tally.ended(GRID[0].key, kept[0].ledger, failed=False)
    assert tally.tokens_per_second is None


def test_what_this_command_has_seen_counts_more_than_what_is_there():
    """An earlier one may have run fewer beside each other."""
    kept = [result(99, "beam", n, 1.0, 20) for n in (1, 4)]
    tally = Tally(todo(10), kept, at_once=4)
    for cell in GRID:
        tally.ended(cell.key, Ledger(generated_tokens=50, seconds=9), failed=False)
    assert tally.expected() == Expected(18 * 50, 18 * 9 / 4)
    for _ in range(8):
        tally.ended(GRID[0].key, Ledger(generated_tokens=50, seconds=9), failed=False)
    for _ in range(7):
        tally.ended(GRID[1].key, Ledger(generated_tokens=50, seconds=9), failed=False)
    assert tally.expected() == Expected(3 * 50, 9), "the last three run beside each other"


def test_searches_are_held_back_from_a_moment_on():
    names, holding = todo(3), list[bool]()
    held = Held(names, lambda: bool(holding))
    begun = iter(held)
    assert [next(begun), next(begun)] == names[:2] and len(held) == 6 and held[5] is names[5]
    holding.append(True)
    assert list(begun) == [] and held.rest == names[2:]
    holding.clear()
    assert list(begun) == [], "what has stopped stays so"
    whole = Held(names, lambda: False)
    assert list(whole) == names and not whole.rest


def test_a_forecast_in_words():
    assert forecast(Expected(1234.0, 70.0), 9) == "the 9 searches that are left will take about 70 s and 1,234 tokens"
    assert forecast(Expected(12.0, 7.0), 1) == "the search that is left will take about 7 s and 12 tokens"
    assert list(map(duration, (1, 89, 91, 5399))) == ["1 s", "89 s", "2 min", "90 min"]
    assert list(map(duration, (5401, 200_000))) == ["1.5 h", "2.3 days"]
