"""Typed actions: what may follow what, which one is tried next, and what a request then says."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Beam, Budget, KnobError, Node, Step, Tree
from search.algorithms.actions import Action, choose, extend_typed, read_actions
from search.grow import Grower
from search.protocols import GO_ON
from search.trial import OldTrialPolicy
from search.worst_cases import WorstCases
from tests.helpers import run
from tests.search.asked import OPEN, Asked
from tests.search.golden import FOLDER
from tests.worlds import By, by_text

FILE = str(FOLDER / "actions.jsonl")
ACTIONS = read_actions(FILE)
REPHRASE, STEP, CHECK = ACTIONS.of


def behind(action: str) -> Node:
    root = Tree("q").root
    return root.add(root.reserve(1).start, Step("a\n\n", (1,), (-1.0,), action=action))


def test_what_may_follow_what() -> None:
    assert Action("rephrase", "Say the problem in your own words.", frozenset({"start"})) == REPHRASE
    assert ACTIONS.legal(Tree("q").root) == [REPHRASE, STEP]
    assert ACTIONS.legal(behind("rephrase")) == [STEP]
    assert ACTIONS.legal(behind("step")) == ACTIONS.legal(behind("check")) == [STEP, CHECK]
    assert ACTIONS.legal(behind("")) == [REPHRASE, STEP], "a step without an action is as the start"


def test_each_action_is_tried_once_and_then_the_promising_ones() -> None:
    """With c = 0 the mean of Q decides; with a large c the one that was drawn least."""
    qs = {"step": [0.9, 0.5], "check": [0.6]}
    assert choose([STEP, CHECK], {}, {}, 1.0) is STEP
    assert choose([STEP, CHECK], {"step": 1}, {}, 1.0) is CHECK
    assert choose([STEP, CHECK], {"step": 2, "check": 1}, qs, 0.0) is STEP
    assert choose([STEP, CHECK], {"step": 2, "check": 1}, qs, 100.0) is CHECK


def test_a_beam_gives_each_action_its_turn_and_tells_the_policy_its_prompt() -> None:
    policy = Asked([OPEN])
    tree = Tree("q", seed=3)
    grow = Grower(tree, policy, by_text({}))
    level = asyncio.run(extend_typed(grow, [grow.root], [5], 1, ACTIONS))
    assert sorted(policy.asks) == sorted([REPHRASE.ask, STEP.ask])
    assert sorted(Counter(node.step.action for node in level if node.step).values()) == [2, 3]
    assert {node.step.text for node in level if node.step} == {OPEN.text}, "the prompt is not in the path"


@pytest.mark.parametrize(
    "searcher", [Beam(8, 2, actions=FILE), MCTS(24, in_flight=1, actions=FILE), MCTS(24, actions=FILE)]
)
def test_no_path_breaks_the_rules_and_every_action_is_tried(searcher: Beam | MCTS) -> None:
    tree = run(searcher, Toy(), ToyScorer(), seed=2)
    seen = set[str]()
    for node in tree.nodes():
        assert node.step is not None and node.parent is not None
        assert node.step.action in [action.name for action in ACTIONS.legal(node.parent)]
        seen.add(node.step.action)
    assert seen == {"rephrase", "step", "check"}
    assert Tree.loads(tree.dumps()).to_json() == tree.to_json()


def test_equal_texts_of_two_actions_are_two_nodes() -> None:
    """What may follow them differs."""
    tree = run(MCTS(16, in_flight=1, actions=FILE), Toy(branch=1, depth=2), ToyScorer(branch=1, depth=2))
    first = [node.step for node in tree.root.children.values() if node.step]
    assert [step.action for step in first] == ["rephrase", "step"] and first[0].text == first[1].text


def test_a_prompt_costs_what_it_takes() -> None:
    """A hint is a token of the toy policy's prompt."""
    plain, typed = (run(Beam(4, 4, actions=file), Toy(depth=1), ToyScorer(depth=1)) for file in (None, FILE))
    assert plain.ledger.prompt_tokens_computed == 4 and typed.ledger.prompt_tokens_computed == 8
    worst = WorstCases(Toy(), ToyScorer(), Budget(flops=99))
    bare, asked = (worst.continuation(plain.root, 1, ask) for ask in (GO_ON, CHECK.ask))
    assert bare and asked and asked.flops == bare.flops + 1, "the worst case counts it"


def test_mcts_draws_the_better_action_more_often() -> None:
    """The scorer likes a path that ends in a check, and nothing else."""

    likes = By(lambda steps: float(steps[-1].action == "check"))
    tree = run(MCTS(200, in_flight=1, actions=FILE, widening=4.0, c_puct=0.1), Toy(branch=10, depth=2), likes, seed=0)
    drawn = Counter[str]()
    for node in tree.nodes():
        if node.depth == 1 and node.step and node.step.action == "step":
            drawn.update(node.stats.get("actions", {}))
    assert drawn["check"] > 2 * drawn["step"] > 0


@pytest.mark.parametrize("searcher", [Beam(4, 2, actions=FILE), MCTS(8, in_flight=1, actions=FILE)])
def test_a_policy_that_takes_no_requests_is_refused(searcher: Beam | MCTS) -> None:
    with pytest.raises(KnobError, match="takes no request with action, hint; choose another policy"):
        run(searcher, OldTrialPolicy(), ToyScorer())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing may follow start; name it in the `after` of an action"),
        ("{", "line 1: not valid JSON"),
        ("[1]", 'line 1: write {"name": "...", "prompt": "...", "after": ["...", ...]}'),
        ('\n{"name": "a", "promt": "b"}', "line 2: write"),
        ('{"name": "a", "prompt": " "}', "line 1: write"),
        ('{"name": "a", "prompt": "b", "after": "start"}', "line 1: after is 'start'; write"),
        ('{"name": "a", "prompt": "b"}\n{"name": "a", "prompt": "b"}', "line 2: the name a is taken"),
        ('{"name": "start", "prompt": "b"}', "line 1: the name start is taken"),
        ('{"name": "a", "prompt": "b", "after": ["start", "c"]}', "line 1: after names 'c', which is no action; there"),
        ('{"name": "a", "prompt": "b", "after": ["start"]}', "nothing may follow a; name it in"),
        ('{"name": "a", "prompt": "b"}\n{"name": "c", "prompt": "d", "after": []}', "no way leads from start to c"),
        (
            '{"name": "a", "prompt": "b"}\n{"name": "c", "prompt": "d", "after": ["e"]}\n'
            '{"name": "e", "prompt": "f", "after": ["c"]}',
            "no way leads from start to c; correct its `after`",
        ),
        ('{"name": "a", "prompt": "Put it in \\boxed{}."}', r"line 1: a control character where \boxed was meant"),
        (None, "search.actions=FILE: No such file or directory; give a file of JSON lines"),
    ],
)
def test_a_wrong_file_is_named_with_its_line_and_the_remedy(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(KnobError, match=re.escape(message.replace("FILE", str(path)))):
        Beam(actions=str(path))


def test_a_file_of_another_editor_is_read(tmp_path: Path) -> None:
    """With a byte order mark, Windows' line ends, blank lines, and a line separator within a text."""
    path = tmp_path / "actions.jsonl"
    lines = ['{"name": " a ", "prompt": "b\u2028c"}', "", '{"name": "d", "prompt": "e", "after": [" a ", "d"]}', ""]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert read_actions(str(path)).of == (Action("a", "b\u2028c"), Action("d", "e", frozenset({"a", "d"})))


def test_a_beam_of_several_steps_a_candidate_takes_no_actions() -> None:
    with pytest.raises(KnobError, match="one action for all; leave out every"):
        Beam(every=2, actions=FILE)
