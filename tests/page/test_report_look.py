"""The report's page in headless Chromium: no text of a run is executed, a phone can read it, large reports open."""

import json
from pathlib import Path
from typing import Any

from tests.command_line import run
from tests.page.browser import Opened, in_chromium
from tests.report_runs import HOSTILE, write_hostile_run, write_run
from tests.results import write_lines

pytestmark = in_chromium


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


PHONE = {"width": 390, "height": 844}


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


def test_odd_texts_keep_to_their_place(open_page: Any, tmp_path: Path):
    """A question without blanks leaves all columns in sight; right-to-left marks turn nothing beside them; answers in
    LaTeX are formulas, and what is none stays text.
    """
    folder = write_run(tmp_path / "run", problems=3, samples=2, steps=2)
    questions = {"p-0": "x" * 5000, "p-1": "1 \u202e+ 2", "p-2": r"Let \[x^2\] be given."}
    golds = {"p-0": r"\frac{1}{2}", "p-1": r"\u202eabc", "p-2": "<b>x</b>"}
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    for line in lines:
        line["question"], line["gold"] = questions[line["problem"]], golds[line["problem"]]
        for vote in line["selections"].values():
            vote["answer"] = line["gold"]
    write_lines(folder / "results.jsonl", lines)
    assert run("report", f"run={folder}", "trees=false") == 0
    opened = open_page(folder / "report.html", "#problems", viewport={"width": 1200, "height": 800})
    opened.page.wait_for_selector("#list tbody tr")
    last = opened.page.locator("#list thead th").last.bounding_box()
    assert last["x"] + last["width"] <= 1200
    assert opened.page.locator("#list tbody tr").first.bounding_box()["height"] < 100
    assert opened.page.locator("#list tbody tr").first.locator("td bdi math mfrac").count() == 1
    assert opened.page.evaluate(
        "[...document.querySelectorAll('#list .clip, #list bdi')].every((e) => getComputedStyle(e).unicodeBidi"
        ".includes('isolate') || getComputedStyle(e.firstChild).unicodeBidi.includes('isolate'))"
    )
    opened.page.locator("#list tbody tr").nth(2).click()
    opened.page.wait_for_selector(".matrix a")
    assert opened.page.locator(".matrix a").first.inner_text().endswith("<b>x</b>")
    opened.page.evaluate("location.hash = '#problem=p-0'")
    opened.page.wait_for_selector(".matrix a bdi mfrac")


def test_the_curves_have_their_finding_as_a_title(open_page: Any, made: Path):
    opened = open_page(made)
    shown = opened.page.locator(".finding:visible")
    assert shown.count() == 1 and "Best-of-N at equal generated tokens (" in shown.inner_text()
    opened.page.select_option("#axis", "n")
    assert shown.count() == 1 and "at equal N (" in shown.inner_text()
