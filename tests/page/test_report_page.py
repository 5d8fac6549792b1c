"""The page of `stepsearch report` in headless Chromium: it opens from disk, draws, filters and runs no text."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import TOY, run
from tests.report_runs import HOSTILE, write_hostile_run, write_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.page,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path (apt-get install chromium)"),
]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser(toy: Path) -> Iterator[Any]:
    """After the sweep of the toy: Playwright keeps an event loop in this thread, beside which none can run."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


class Opened:
    """A page, and whatever it complained of or asked the network for."""

    def __init__(self, browser: Any, path: Path, words: str = "", **options: Any) -> None:
        self.complaints: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or self.complaints.append(r.url)
        )
        self.page.goto(path.as_uri() + words)

    def wait(self, script: str) -> None:
        """Until it holds. Playwright's own waiting evaluates texts in the page, which the page's policy forbids."""
        until = time.monotonic() + 30
        while not self.page.evaluate(script):
            assert time.monotonic() < until, script
            self.page.wait_for_timeout(25)

    def rows(self) -> list[str]:
        return self.page.locator("#list tbody td:first-child").all_inner_texts()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """Opens pages; at the end none of them may have complained."""
    opened: list[Opened] = []

    def opening(*words: Any, **options: Any) -> Opened:
        opened.append(Opened(browser, *words, **options))
        return opened[-1]

    yield opening
    for one in opened:
        one.page.context.close()
        assert one.complaints == []


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sweep of all searchers on the toy, with two seeds."""
    folder = tmp_path_factory.mktemp("report") / "toy"
    words = ["problems.limit=3", "budgets=[1,8]", "search.beam.branch=2", "seeds=[0,1]", "trees=true"]
    assert run("sweep", *TOY, *words, f"out={folder}") == 0
    assert run("report", f"run={folder}") == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six problems: Best-of-N is right on the even ones, beam where three divides."""
    folder = write_run(tmp_path_factory.mktemp("report") / "made", seeds=(0, 1))
    assert run("report", f"run={folder}") == 0
    return folder / "report.html"


def test_the_curves_follow_the_axis_and_the_rule(open_page: Any, toy: Path):
    opened = open_page(toy)
    opened.wait("document.querySelectorAll('#plot .scatterlayer .trace').length >= 4")
    drawn = "JSON.stringify(document.getElementById('plot').data.map((t) => [t.x, t.y]))"
    before = opened.page.evaluate(drawn)
    opened.page.select_option("#axis", "flops")
    after = opened.page.evaluate(drawn)
    assert before != after and "FLOPs" in opened.page.locator("#plot .xtitle").text_content()
    opened.page.select_option("#axis", "n")
    ticks = opened.page.locator("#plot .xtick").all_text_contents()
    assert ticks[0] == "1" and ticks[-1] == "8"
    opened.page.select_option("#rule", "particle")
    assert opened.page.evaluate("document.getElementById('plot').data.at(-1).name") == "particle filter"
    shown = opened.page.locator(".figures:visible tbody th")
    assert [text for text in shown.all_inner_texts() if text] == ["particle filter"]


def test_the_curves_can_be_kept_and_go_nowhere(open_page: Any, made: Path, tmp_path: Path):
    opened = open_page(made, viewport={"width": 1200, "height": 900})
    opened.wait("document.querySelectorAll('.modebar-btn').length > 0")
    titles = opened.page.evaluate(
        "[...document.querySelectorAll('.modebar-btn')].map((button) => button.dataset.title)"
    )
    assert titles == ["Download plot", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]
    opened.page.locator("#plot").hover()
    with opened.page.expect_download() as download:
        opened.page.locator(".modebar-btn").first.click()
    download.value.save_as(tmp_path / "curves.svg")
    assert "Best-of-N" in (tmp_path / "curves.svg").read_text("utf-8")


def test_zooming_in_finds_other_ticks(open_page: Any, toy: Path):
    opened = open_page(toy, viewport={"width": 1200, "height": 900})
    opened.wait("document.querySelectorAll('#plot .xtick').length > 0")
    ticks = "[...document.querySelectorAll('#plot .xtick')].map((tick) => tick.textContent).join(' ')"
    before, box = opened.page.evaluate(ticks), opened.page.locator("#plot .nsewdrag").bounding_box()
    opened.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    opened.page.mouse.up()
    opened.wait(f"{ticks} !== '{before}' && document.querySelectorAll('#plot .xtick').length >= 2")
    opened.page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    opened.wait(f"{ticks} === '{before}'")


def test_hovering_a_point_tells_its_numbers(open_page: Any, made: Path):
    opened = open_page(made, viewport={"width": 1200, "height": 900})
    opened.wait("document.querySelectorAll('#plot .points path').length >= 2")
    box = opened.page.locator("#plot .points path").last.bounding_box()
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.wait("document.querySelector('#plot .hoverlayer text') !== null")
    text = opened.page.locator("#plot .hoverlayer").text_content()
    assert "accuracy 33.3 %" in text and "generated tokens" in text


def test_a_click_opens_a_problem_and_its_tree(open_page: Any, toy: Path):
    opened = open_page(toy)
    opened.page.get_by_role("link", name="Problems").click()
    opened.page.locator("#list tbody tr").first.click()
    opened.page.wait_for_selector(".outline .row .score")
    assert "problem=arithmetic-0-0" in opened.page.evaluate("location.hash")
    assert opened.page.locator(".drawing .dot").count() > 3
    for searcher, said in (("mcts", "visits"), ("particle_filter", "particle"), ("beam", "cut here")):
        opened.page.locator(f".matrix a[href*='cell={searcher}-8']").click()
        opened.page.wait_for_selector(f".matrix a[href*='cell={searcher}-8'][aria-current]")
        opened.page.get_by_role("button", name="open all").click()
        assert said in opened.page.locator(".outline").inner_text()
        assert opened.page.locator(".row.chosen").count() >= 1 and opened.page.locator(".vote").count() >= 3
    opened.page.select_option("#view-problem select", "1")
    opened.wait(
        "location.hash.endsWith('seed=1') && document.querySelector('#view-problem h3').textContent.endsWith('seed 1')"
    )


def test_a_vote_and_a_dot_lead_to_their_steps(open_page: Any, toy: Path):
    opened = open_page(toy, "#problem=arithmetic-0-1&cell=mcts-8&seed=0")
    opened.page.wait_for_selector(".vote button")
    opened.page.get_by_role("button", name="close all").click()
    assert opened.page.locator(".row .tag.answer:visible").count() == 0
    opened.page.locator(".vote button").first.press("Enter")
    lit = opened.page.locator(".row.lit")
    assert lit.count() >= 1 and lit.first.is_visible() and "answer" in lit.first.inner_text()
    opened.page.locator(".drawing .dot").first.click()
    assert lit.count() == 1


def test_a_filter_filter(open_page: Any, made: Path):
    opened = open_page(made, "#problems")
    every = [f"p-{place}" for place in range(6)]
    assert opened.rows() == every
    for outcome, searcher, expected in (
        ("right", "", ["p-0"]),
        ("wrong", "", ["p-1", "p-5"]),
        ("differ", "", ["p-2", "p-3", "p-4"]),
        ("right", "beam", ["p-0", "p-3"]),
        ("wrong", "best_of_n", ["p-1", "p-3", "p-5"]),
        ("failed", "", []),
        ("any", "", every),
    ):
        opened.page.select_option("#filter-outcome", outcome)
        opened.page.select_option("#filter-searcher", searcher)
        assert opened.rows() == expected
    opened.page.select_option("#filter-level", "3")
    assert opened.rows() == ["p-3"]
    opened.page.select_option("#filter-level", "")
    opened.page.fill("#filter-text", "Problem 4")
    assert opened.rows() == ["p-4"]


def test_formulas_are_drawn(open_page: Any, made: Path):
    opened = open_page(made, "#problem=p-2")
    opened.page.wait_for_selector(".question math mfrac")
    above, below = (opened.page.locator(f".question mfrac > :{end}-child").bounding_box() for end in ("first", "last"))
    assert above["y"] + above["height"] <= below["y"] + 1
    assert opened.page.locator(".outline math .boxed").count() >= 1


def test_no_text_ever_runs(open_page: Any, tmp_path: Path):
    folder = write_hostile_run(tmp_path / "run")
    assert run("report", f"run={folder}") == 0
    opened = open_page(folder / "report.html", "#problems")
    opened.page.locator("#list tbody tr").first.click()
    opened.page.wait_for_selector("pre.error, .outline .row")
    assert HOSTILE in opened.page.locator(".question").inner_text()
    opened.page.locator(".matrix a").first.click()
    opened.page.wait_for_selector(".outline .row")
    opened.page.get_by_role("button", name="open all").click()
    assert HOSTILE in opened.page.locator(".outline").inner_text()
    assert HOSTILE in opened.page.locator(".votes").inner_text()
    opened.page.get_by_role("link", name="Run").click()
    opened.page.get_by_role("link", name="Overview").click()
    assert HOSTILE in opened.page.locator("#view-overview pre").inner_text()
    assert "owned" not in opened.page.title()
    assert (
        opened.page.evaluate(
            "document.querySelectorAll('main img, main script, main [onerror], main [href^=javascript]').length"
        )
        == 0
    )


def test_nothing_but_its_own_scripts_may_run(browser: Any, made: Path):
    opened = Opened(browser, made)
    opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned = 1\">')")
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.owned = 1'}))"
    )
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("window.owned") is None and len(opened.complaints) >= 2
    opened.page.context.close()


def test_a_phone_scrolls_in_one_direction(open_page: Any, toy: Path):
    opened = open_page(toy, viewport=PHONE, has_touch=True, is_mobile=True)
    read = "[...document.querySelectorAll('main p, main td, main .text, main pre')].filter((e) => e.offsetParent)"
    for words in ("#overview", "#problems", "#problem=arithmetic-0-2&cell=particle_filter-8&seed=0", "#run"):
        opened.page.evaluate(f"location.hash = '{words}'")
        opened.page.wait_for_selector(f"#view-{words[1:].partition('=')[0]} h2")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert opened.page.evaluate("visualViewport.width") == PHONE["width"]
        assert min(opened.page.evaluate(f"{read}.map((e) => parseFloat(getComputedStyle(e).fontSize))")) >= 12


CONTRASTS = """() => {
  const luminance = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const linear = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!colour.startsWith("rgba") || !colour.endsWith(" 0)")) return luminance(colour);
    }
  };
  const texts = document.querySelectorAll(".score, .tag, .text, .muted, dt, th, a, .right, .wrong");
  const found = [...texts].filter((e) => e.offsetParent).map((e) => {
    const [light, dark] = [luminance(getComputedStyle(e).color), behind(e)].sort((a, b) => b - a);
    return [(light + 0.05) / (dark + 0.05), e.className, e.textContent.slice(0, 20)];
  });
  return [behind(document.body), found];
}"""


def test_both_schemes_have_contrast(open_page: Any, toy: Path):
    """WCAG 2's ratio for text of normal size, 4.5, of what stands on the page and in the scores."""
    opened = open_page(toy, "#problem=arithmetic-0-1&cell=mcts-8&seed=0")
    opened.page.wait_for_selector(".outline .row .score")
    for scheme, least, most in (("light", 0.8, 1), ("dark", 0, 0.05)):
        opened.page.emulate_media(color_scheme=scheme)
        paper, found = opened.page.evaluate(CONTRASTS)
        assert least <= paper <= most
        assert len(found) > 20 and min(found)[0] >= 4.5, min(found)


def test_a_large_report_opens_within_three_seconds(open_page: Any, made: Path, large_page: Path):
    """Three seconds of the page's own thread, by its processor's clock: other processes may be at work."""
    opened = open_page(made, "#run")
    session = opened.page.context.new_cdp_session(opened.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    before = spent()
    opened.page.goto(large_page.as_uri())
    opened.wait("document.querySelectorAll('#plot .scatterlayer .trace').length > 0")
    assert 0 < spent() - before < 3
    opened.page.evaluate("location.hash = '#problem=p-499'")
    opened.page.wait_for_selector(".outline .row")
