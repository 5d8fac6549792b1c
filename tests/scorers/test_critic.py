"""A critic's verdicts are read, averaged and paid for."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from policies.engines.meter import Meter
from scorers.back_verify import BackVerify
from scorers.critic import Critic, read
from search import End, Kind, KnobError, ScoreError, Step

R = r"It adds up: \boxed{right}"
STEPS = [Step("1 + 2 = 3\n\n"), Step("3 * {step} = 6 {{x}}")]


@pytest.mark.parametrize(
    ("critique", "verdict"),
    [
        (r"It adds up. \boxed{right}", 1),
        (r"\boxed{Wrong}", 0),
        (r"\boxed{\text{correct}}", 1),
        (r"The step ends with \boxed{21}. Its \boxed{Yes.}", 1),
        (r"\boxed{right, no mistakes}", None),
        (r"\boxed{not correct}", None),
        ("The step is right.", None),
        (r"so \boxed{42}", None),
        ("", None),
    ],
)
def test_a_verdict_is_read(critique: str, verdict: float | None):
    assert read(critique) == verdict


class Scripted:
    """Writes given critiques in turn; three tokens each."""

    def __init__(self, engine: Any, critiques: list[str]) -> None:
        self.tokenizer, self.context, self.critiques, self.prompts = engine.tokenizer, engine.context, critiques, []
        self.meter, self.rows = Meter(), []

    async def write(self, rows: Any) -> None:
        from search.tree.cost import Cost

        for row in rows:
            self.prompts.append(self.tokenizer.decode(row.prompt))
            row.steps = (Step(self.critiques.pop(0)),)
            self.meter.done(row, Cost(generated=3, computed=len(row.prompt), calls=0, flops=0))


def scripted(random_policy: str, critiques: list[str], **knobs: Any) -> tuple[Critic, Scripted]:
    critic = Critic(model=random_policy, **knobs)
    writer = Scripted(critic.writer, critiques)
    critic.__dict__["writer"] = writer
    return critic, writer


def test_verdicts_are_averaged_and_paid_for(random_policy: str):
    critic, writer = scripted(random_policy, [R, r"\boxed{wrong}", "hm", R, R, r"\boxed{yes}"], samples=3)
    scored = asyncio.run(critic.score("what?", STEPS, 0))
    assert scored.scores == [0.5, 1], "a critique without a verdict has no vote"
    assert scored.cost.calls == 2 and scored.cost.generated == 0
    assert scored.cost.computed == sum(len(writer.tokenizer.encode(text)) for text in writer.prompts) + 6 * 3
    assert "(none)" in writer.prompts[0] and "1 + 2 = 3" in writer.prompts[-1]
    assert "3 * {step} = 6 {{x}}" in writer.prompts[-1], "a step's own braces are left alone"


def test_only_what_is_new_is_judged(random_policy: str):
    critic, writer = scripted(random_policy, [R])
    assert asyncio.run(critic.score("what?", STEPS, 1)).scores == [1]
    assert len(writer.prompts) == 1


def test_no_verdict_is_an_error(random_policy: str):
    critic, writer = scripted(random_policy, ["hm", "well"], samples=2)
    with pytest.raises(ScoreError, match="none of 2 critiques of step 2 ends with a verdict"):
        asyncio.run(critic.score("what?", STEPS, 1))
    assert writer.meter.abandoned == writer.meter.total and writer.meter.total.generated == 6, "no search was charged"


def test_a_critique_goes_on_behind_a_box_that_it_quotes(random_policy: str):
    """It ends at the end token, or where max_tokens cut it, and nowhere else; the same seed writes the same one."""
    rows: list[Any] = []
    for _ in range(2):
        critic = Critic(model=random_policy, max_tokens=20)
        assert not critic.writer.boundary.stops(critic.writer.vocabulary.texts)
        write = critic.writer.write

        async def kept(asked: Any, write: Any = write) -> None:
            rows.extend(asked)
            await write(asked)

        critic.__dict__["writer"] = SimpleNamespace(
            write=kept, tokenizer=critic.writer.tokenizer, context=critic.writer.context, meter=critic.writer.meter
        )
        with pytest.raises(ScoreError, match="raise max_tokens"):
            asyncio.run(critic.score("1 + 2 =", STEPS[:1], 0))
    first, second = ([token for step in row.steps for token in step.token_ids] for row in rows)
    assert first == second and len(rows[0].steps) == 1


def test_an_answer_is_put_back_into_the_question(random_policy: str):
    """Nothing else of the solution is shown, and unfinished ones are not judged."""
    verifier = BackVerify(model=random_policy, samples=2)
    writer = Scripted(verifier.writer, [R, r"\boxed{wrong}"])
    verifier.__dict__["writer"] = writer
    steps = [Step("secret\n\n"), Step("so \\boxed{{17}}", end=End.ANSWER)]
    scored = asyncio.run(verifier.score("what {answer}?", steps, 1))
    assert scored.scores == [0.5] and verifier.kind is Kind.OUTCOME
    assert all("Proposed answer: {17}" in each and "what {answer}?" in each for each in writer.prompts)
    assert not any("secret" in each or "(none)" in each for each in writer.prompts)
    with pytest.raises(KnobError, match=r"scorer.prompt lacks \{answer\}; it must hold \{question\} and \{answer\}"):
        BackVerify(model=random_policy, prompt="{question}")
