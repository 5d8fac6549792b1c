"""its_hub's searchers as plug-ins: what they ask for becomes nodes of our tree. The package itself is not needed."""

import asyncio
from types import SimpleNamespace

import pytest

from experiments.benchmarks.peers import END, ItsBeam, ItsParticleFilter, Solutions
from search import Grower, Node, Tree
from tests.worlds import UNEVEN, Values, Walk

DELIMITER = "\n\n"


def turns(solution: str) -> list[SimpleNamespace]:
    question = SimpleNamespace(role="user", content="q")
    return [question, SimpleNamespace(role="assistant", content=solution)] if solution else [question]


def grower() -> Grower:
    return Grower(Tree("q"), Walk(root=UNEVEN), Values(root=UNEVEN))


def test_requests_become_nodes_and_texts_find_them_again() -> None:
    async def talk() -> None:
        grow = grower()
        solutions = Solutions(grow)
        first = await solutions.agenerate([turns("")] * 40)
        assert len(grow.root.children) == 40, "equal conversations get different samples"
        said = [answer["content"] for answer in first]
        assert set(said) == {"a", "b", f"\\boxed{{6}}{END}"}
        children = list(grow.root.children.values())
        assert [text_of(child) for child in children] == said, "in the order of the requests"
        assert await solutions.ascore("q", ["b", f"\\boxed{{6}}{END}"]) == [
            next(child.score for child in children if text_of(child) == said) for said in ("b", f"\\boxed{{6}}{END}")
        ]
        (after,) = await solutions.agenerate([turns(f"a{DELIMITER}")])
        whole = f"a{DELIMITER}{after['content']}"
        assert solutions.node(whole).finished and solutions.node(whole).text() + END == whole
        assert grow.tree.ledger.generated_tokens == 41

    asyncio.run(talk())


def text_of(node: Node) -> str:
    return node.text().removesuffix(DELIMITER) if node.open else node.text() + END


@pytest.mark.parametrize("searcher", [ItsBeam(8), ItsParticleFilter(8)])
def test_its_searchers_run_and_only_their_answer_votes(searcher: ItsBeam | ItsParticleFilter) -> None:
    pytest.importorskip("its_hub")
    grow = grower()
    asyncio.run(searcher.search(grow))
    (event,) = [event for event in grow.tree.record if event.name == "electorate"]
    assert event.data["whole"] and len(event.data["nodes"]) == 1 and event.data["nodes"][0].finished
