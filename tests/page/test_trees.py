"""Trees on the report's page: every step, vote, cut and population is that of the search."""

import pytest

from experiments.analysis.solution import best_path
from experiments.reports.page.formulas import Pieces
from experiments.reports.page.trees import tree_data
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import RSA, Again, Beam, ParticleFilter, Rebase, Rule, Selection
from tests.helpers import SEARCHERS
from tests.helpers import run as search
from tests.search.test_aggregation import Reader
from tests.worlds import by_text


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_tree_is_shown_whole(name: str):
    tree, pieces = search(SEARCHERS[name], Toy(), ToyScorer()), Pieces()
    found, nodes = tree_data(tree, "1", Selection(), pieces), list(tree.nodes())
    columns = found["nodes"]
    texts = [
        "".join(p if isinstance(p, str) else pieces.formulas[p][0] for p in pieces.texts[t]) for t in columns["text"]
    ]
    assert texts == [node.step.text.strip("\n") for node in nodes if node.step]
    assert columns["score"] == [node.score and pytest.approx(node.score, rel=1e-3) for node in nodes]
    parents = [nodes[above].path if above >= 0 else () for above in columns["parent"]]
    assert parents == [node.path[:-1] for node in nodes]
    for rule, shares in found["rules"].items():
        ballot = Selection(Rule(rule))(tree)
        assert [found["answers"][vote[0]][0] for vote in shares["votes"]] == [vote.answer for vote in ballot.votes]
        assert [nodes[i] for i in shares["path"]] == best_path(ballot)
    assert found["answers"] and all(right == (text == "1") for text, right in found["answers"])
    if name == "mcts":
        assert columns["visits"] == [node.stats.get("visits") for node in nodes]


def test_what_beam_search_cuts_is_what_it_did_not_keep():
    tree = search(Beam(n=8, branch=2), Toy(), ToyScorer())
    nodes, states = list(tree.nodes()), tree_data(tree, None, Selection(), Pieces())["nodes"]["state"]
    kept = {node.path for event in tree.events("beam") for node in event.data["kept"]}
    levels = len(tree.events("beam"))
    cut = {node.path for node, state in zip(nodes, states, strict=True) if state == "cut"}
    assert cut == {n.path for n in nodes if n.open and n.depth <= levels and n.path not in kept} and cut


def test_populations_are_those_of_the_record():
    tree = search(ParticleFilter(n=6), Toy(), ToyScorer())
    nodes, found = list(tree.nodes()), tree_data(tree, None, Selection(), Pieces())["populations"]
    events = tree.events("population")
    assert [[nodes[i] for i in one["nodes"]] for one in found] == [event.data["nodes"] for event in events]
    resampled = {event.data["step"]: event.data["ancestors"] for event in tree.events("resampling")}
    assert {step: one["ancestors"] for step, one in enumerate(found) if one["ancestors"]} == resampled and resampled
    assert all(sum(one["weights"]) == pytest.approx(1, abs=2e-3) for one in found)


def test_populations_of_rounds_are_apart():
    tree = search(Again(ParticleFilter(n=6), times=2, sure=1), Toy(), ToyScorer())
    data = tree_data(tree, None, Selection(), Pieces())
    steps = [one["step"] for one in data["populations"]]
    assert steps == [event.data["step"] for event in tree.events("population")] and steps.count(0) == 2
    ancestors = [one["ancestors"] for one in data["populations"] if one["ancestors"]]
    assert ancestors == [event.data["ancestors"] for event in tree.events("resampling")] and ancestors
    nodes, last = list(tree.nodes()), [event for event in tree.events("population") if event.data["step"] == steps[-1]]
    ends = {node for event in last for node in event.data["nodes"]}
    states = dict(zip(nodes, data["nodes"]["state"], strict=True))
    assert all((states[node] == "cut") == (node not in ends) for node in nodes if not node.children)


def test_what_rebase_cuts_is_what_it_gave_no_width():
    tree = search(Rebase(n=8, temperature=0.05), Toy(), ToyScorer())
    given = [zip(event.data["nodes"], event.data["widths"], strict=True) for event in tree.events("rebase")]
    cut = {node for level in given for node, width in level if not width}
    states = dict(zip(tree.nodes(), tree_data(tree, None, Selection(), Pieces())["nodes"]["state"], strict=True))
    assert cut and {node for node, state in states.items() if state == "cut"} == cut


def test_a_step_names_the_solutions_that_it_was_written_from():
    tree = search(RSA(4, 2, 1), Reader(), by_text({}))
    nodes, column = list(tree.nodes()), tree_data(tree, None, Selection(), Pieces())["nodes"]["sources"]
    assert [tuple(nodes[i].path for i in those or ()) for those in column] == [node.sources for node in nodes]
    assert column.count(None) == 4, "the first four were written from the question alone"
    assert "sources" not in tree_data(search(Beam(4), Toy(), ToyScorer()), None, Selection(), Pieces())["nodes"]
