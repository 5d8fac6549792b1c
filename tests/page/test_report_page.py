"""The report's page in headless Chromium: it opens from disk, draws, filters, and leads from curve to step."""

from pathlib import Path
from typing import Any

from tests.page.browser import in_chromium

pytestmark = in_chromium


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


def test_a_step_leads_to_the_solutions_that_it_was_written_from(open_page: Any, aggregated: Path):
    opened = open_page(aggregated, "#problem=arithmetic-0-0&cell=rsa-4&seed=0")
    opened.page.wait_for_selector(".outline")
    opened.page.get_by_role("button", name="from 2 solutions").first.click()
    lit = opened.page.locator(".row.lit")
    assert 1 <= lit.count() <= 2 and lit.first.is_visible(), "equal solutions are one row"
    assert "from 2 solutions" not in lit.first.inner_text()


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
