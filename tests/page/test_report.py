"""`stepsearch report`: what is in the file, whatever a browser makes of it (see test_report_page.py)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from experiments.analysis.baseline import Cell
from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison, comparisons
from experiments.analysis.curves import chart
from experiments.analysis.differences import Difference
from experiments.analysis.uncertainty import Interval
from experiments.reports.page.figures import AXES, curves
from experiments.reports.page.words import sentence
from experiments.runs.atomic import atomic_file
from experiments.runs.axes import Axis
from experiments.runs.results import read_results
from search import Rule
from tests.command_line import TOY, run
from tests.page.parsed import Parsed, made
from tests.report_runs import HOSTILE, write_hostile_run, write_run


def test_the_page_needs_nothing_else(tmp_path: Path):
    page = Parsed(made(write_run(tmp_path / "run")))
    links = [value for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href", "action")]
    assert links and all(value is not None and value.startswith("#") for value in links)
    policy = next(attrs["content"] for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs)
    assert policy is not None and policy.startswith("default-src 'none'") and "http" not in policy
    assert not {"link", "img", "iframe", "base"} & {tag for tag, _ in page.tags}


def test_hostile_texts_are_no_tags(tmp_path: Path):
    page = made(write_hostile_run(tmp_path / "run"))
    parsed, clean = Parsed(page), Parsed(made(write_run(tmp_path / "clean", problems=1)))
    assert HOSTILE not in page
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in clean.tags} | {
        "table",
        "thead",
        "tr",
        "th",
        "td",
        "pre",
        "bdi",
    }
    assert len([1 for tag, _ in parsed.tags if tag == "script"]) == len([1 for tag, _ in clean.tags if tag == "script"])
    assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]
    assert parsed.data()["problems"][0]["id"] == HOSTILE
    assert parsed.details(0)["searches"][0]["tree"]["answers"][0][0] == HOSTILE


@pytest.mark.page
def test_five_hundred_problems_of_sixteen_samples_stay_small(large_page: Path):
    size = large_page.stat().st_size
    assert size < 30e6
    page = Parsed(large_page.read_text("utf-8"))
    assert len(page.data()["problems"]) == 500
    search = page.details(499)["searches"][0]
    assert len(search["tree"]["nodes"]["parent"]) == 16 * 5


def test_a_page_without_trees_is_smaller_and_says_how_to_get_them(tmp_path: Path):
    folder = write_run(tmp_path / "run")
    full, small = Parsed(made(folder)), Parsed(made(folder, "trees=false"))
    assert "tree" in full.details(0)["searches"][0] and "tree" not in small.details(0)["searches"][0]
    assert "trees=true" in small.data()["treeless"]
    none = Parsed(made(write_run(tmp_path / "none", trees=False)))
    assert "A sweep with trees=true saves them" in none.data()["treeless"]


def test_a_broken_tree_is_named_on_the_page(tmp_path: Path):
    folder = write_run(tmp_path / "run", problems=1)
    for path in (folder / "trees").glob("*beam*"):
        path.write_text("{")
    by_cell = {search["cell"]: search for search in Parsed(made(folder)).details(0)["searches"]}
    (unread,) = (search["unread"] for search in by_cell.values() if "unread" in search)
    assert "beam-4.seed-0.json cannot be shown (JSONDecodeError" in unread
    assert sum("tree" in search for search in by_cell.values()) == 1


def test_ids_that_are_alike_in_file_names_keep_their_own_trees(tmp_path: Path):
    folder = write_run(tmp_path / "run", problems=2)
    text = (folder / "results.jsonl").read_text().replace('"p-1"', '"q-!"').replace('"p-0"', '"q-?"')
    (folder / "results.jsonl").write_text(text)
    for path in sorted((folder / "trees").glob("*")):
        path.rename(path.with_name(re.sub(r"p-\d", "q-_", path.name)))
    page = Parsed(made(folder))
    for index, problem in enumerate(page.data()["problems"]):
        place = problem["plain"].split(":")[0].removeprefix("Problem ")
        assert problem["id"] == {"0": "q-?", "1": "q-!"}[place]
        assert all("tree" in search for search in page.details(index)["searches"])


def test_a_report_that_fails_leaves_the_old_page(tmp_path: Path):
    page = tmp_path / "report.html"
    page.write_text("old")

    def broken_off() -> None:
        with atomic_file(page) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert page.read_text() == "old" and list(tmp_path.iterdir()) == [page]


def test_a_run_without_gold_has_a_page_that_says_so(tmp_path: Path):
    folder = write_run(tmp_path / "run")
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    for line in lines:
        line |= {"gold": None, "oracle": None}
        line["selections"] = {rule: {**vote, "correct": None} for rule, vote in line["selections"].items()}
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = made(folder)
    assert "No curves: no problem with a gold answer has ended in every cell." in page
    assert Parsed(page).data()["problems"][0]["correct"]["best"] == [None, None]


def test_the_curves_are_those_of_the_figure(tmp_path: Path):
    cells = Cells.of(read_results(write_run(tmp_path / "run"))).complete()
    found = curves(cells, ["best", "oracle"])
    line = chart(cells, Rule.BEST, AXES).lines[0]
    (point,) = found["best"]["lines"][0]["points"]
    assert list(point["at"].values()) == list(line.points[0].places) and list(point["at"]) == AXES
    assert (point["accuracy"], point["low"], point["high"]) == line.points[0][1:]
    accuracies = [drawn["points"][0]["accuracy"] for drawn in found["oracle"]["lines"]]
    assert accuracies == [pytest.approx(1 / 2), pytest.approx(1 / 3)]


def test_the_list_and_the_table_hold_what_the_results_say(tmp_path: Path):
    page = made(write_run(tmp_path / "run", seeds=(0, 1)))
    data = Parsed(page).data()
    assert [problem["id"] for problem in data["problems"]] == [f"p-{i}" for i in range(6)]
    assert [problem["correct"]["best"] for problem in data["problems"]] == [
        [1, 1],
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 0],
        [0, 0],
    ]
    assert (data["seeds"], data["scale"]) == ([0, 1], "N")
    assert '<option value="majority" selected>' in page  # the rule of the run's own config
    assert re.search(r'<th scope="row">Best-of-N</th>\s*<td class="number">4</td>\s*<td class="number">50.0</td>', page)


def test_errors_are_listed_with_a_link(tmp_path: Path):
    page = made(write_hostile_run(tmp_path / "run"))
    assert "1 of 2 searches failed" in page and "ValueError: &lt;/script&gt;" in page
    assert 'href="#problem=%3C%2Fscript%3E' in page


def test_a_comparison_becomes_a_sentence():
    cells: Any = {"searcher": "mcts", "scale": 16, "cost": 2512.0, "correct": None}
    difference = Difference(0.037, Interval(0.009, 0.065), 0.003, 240)
    better = Comparison(Cell(**cells), difference, 0.009, 3, 1)
    assert sentence(better, "Best-of-N", "N", 300, "generated tokens") == (
        "At the generated tokens that MCTS uses at N = 16 (2,512 a problem), its accuracy is 3.7 percentage points "
        "higher than that of Best-of-N (95 % interval 0.9 to 6.5, p = 0.009, 300 problems): better."
    )
    unsure = better._replace(difference=Difference(-0.01, Interval(-0.05, 0.03), 0.3, 1234), p_value=0.6)
    assert sentence(unsure, "Best-of-N", "N", 300) == (
        "At N = 16, the accuracy of MCTS is 1.0 percentage points lower than that of Best-of-N (95 % interval "
        "-3.0 to 5.0, p = 0.600, 300 problems): this run cannot tell which is better; about 1,234 problems would tell "
        "a difference of this size."
    )
    alone = sentence(Comparison(Cell(**cells)), "Best-of-N", "N", 300, "FLOPs")
    assert alone.endswith("outside the range of Best-of-N: no comparison.")
    unknown = sentence(Comparison(Cell(**{**cells, "cost": None})), "Best-of-N", "N", 300, "FLOPs")
    assert unknown == "The FLOPs of MCTS at N = 16 are not known for every search: no comparison."


def test_every_comparison_is_said(tmp_path: Path):
    folder = write_run(tmp_path / "run", problems=12)
    page = made(folder)
    found = comparisons(Cells.of(read_results(folder)).complete(), "best_of_n", Axis.GENERATED_TOKENS, "majority")
    for one in found:
        assert sentence(one, "Best-of-N", "N", 12, "generated tokens") in page
    assert "1 comparison. The intervals are not adjusted." in page
    assert "Nothing to compare: baseline=mcts: not in this run" in made(folder, "baseline=mcts")


def test_the_command_reports_a_sweep_of_the_toy(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert (
        run("sweep", *TOY, "problems.limit=2", "budgets=4", "seeds=0,1", "trees=true", f"out={tmp_path / 'run'}") == 0
    )
    page = Parsed(made(tmp_path / "run"))
    assert str(tmp_path / "run" / "report.html") in capsys.readouterr().out
    for index in range(2):
        searches = page.details(index)["searches"]
        assert len(searches) == 9 and all("tree" in search for search in searches)
