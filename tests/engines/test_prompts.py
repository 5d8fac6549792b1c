"""Prompts of paths: equal to question and path, shared, made from the nearest one above, and no tree kept alive."""

import gc
import random
import weakref
from typing import Any

import pytest

from policies.engines.prompts import Prompts
from search import End, Node, Step, Tree

QUESTION = [1, 2, 3]


def grow(tree: Tree, rng: random.Random, steps: int) -> list[Node]:
    """A random tree; steps have given, observed and end tokens."""
    nodes = [tree.root]
    for _ in range(steps):
        parent = rng.choice(nodes[-10:])
        ids = tuple(rng.randrange(100) for _ in range(rng.randrange(4, 9)))
        counts: Any = {"given": rng.randrange(2), "observed": rng.randrange(2), "closing": rng.randrange(2)}
        end = End.EOS if counts["closing"] else End.DELIMITER
        nodes.append(parent.add(parent.reserve(1).start, Step("", ids, end=end, **counts)))
    return nodes


def inner(node: Node) -> list[int]:
    return [token for step in node.steps() for token in step.inner_token_ids]


def test_a_prompt_is_the_question_and_the_path_whatever_is_kept():
    rng = random.Random(0)
    for most in (1, 200, 10**6):
        prompts, trees = Prompts(most), [Tree(str(i)) for i in range(3)]
        nodes = [(tree, node) for tree in trees for node in grow(tree, rng, 60)]
        for tree, node in rng.choices(nodes, k=600):
            prompt = prompts.of(node, lambda tree=tree: [*QUESTION, int(tree.question)])
            assert prompt.ids == (*QUESTION, int(tree.question), *inner(node)) and prompt.question == 4
            assert prompt.written == sum(len(step.token_ids) - step.given - step.observed for step in node.steps())


def test_a_prompt_is_made_from_the_nearest_one_above(monkeypatch: pytest.MonkeyPatch):
    """Each new step is read once, and the question encoded once."""
    reads: list[Step] = []
    whole: Any = Step.inner_token_ids
    monkeypatch.setattr(Step, "inner_token_ids", property(lambda self: (reads.append(self), whole.fget(self))[1]))
    prompts, encoded = Prompts(), [QUESTION]
    node = Tree("q").root
    for i in range(50):
        node = node.add(node.reserve(1).start, Step("", (i, i)))
        assert len(prompts.of(node, encoded.pop if i == 0 else pytest.fail).ids) == 3 + 2 * (i + 1)
        assert len(reads) == i + 1
    assert prompts.of(node, pytest.fail) is prompts.of(node, pytest.fail), "shared"


def test_no_tree_is_kept_alive_and_a_new_one_at_its_place_is_not_taken_for_it():
    prompts = Prompts()
    gc.freeze()  # a collection walks these trees, not the heap of the model libraries
    for i in range(20):
        tree = Tree(str(i))
        node = tree.root.add(tree.root.reserve(1).start, Step("", (i,)))
        assert prompts.of(node, lambda i=i: [i]).ids == (i, i)
        seen = weakref.ref(tree)
        del tree, node
        gc.collect()
        assert seen() is None
    gc.unfreeze()


def test_what_is_kept_is_bounded():
    prompts, tree = Prompts(most=100), Tree("q")
    for node in grow(tree, random.Random(1), 300):
        prompts.of(node, lambda: QUESTION)
        kept = [prompt for _, prompt in prompts._kept.values()]
        assert sum(len(prompt.ids) for prompt in kept) == prompts._tokens
        assert prompts._tokens <= 100 or len(kept) == 1
