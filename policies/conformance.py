"""Does a policy keep its promises? For a plug-in author's own tests:

from policies.conformance import check_policy

def test_my_policy():
    check_policy(MyPolicy())
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from search.answers.boxes import has_boxed
from search.conformance import excess, raise_failures
from search.errors import KnobError
from search.protocols import GO_ON, Ask, Extension, Policy, check_extension, takes_ask, worst_case
from search.tree import Node, Tree
from search.tree.confidence import Floor
from search.tree.randomness import key
from search.tree.step import End, Step

QUESTIONS = ("(1 + 2) =", "((3 + 4) * (2 - 5)) =")
REQUESTS = ((1, 1), (3, 1), (2, 2), (3, None))
"""continuations, and steps of each"""
SEEDS = [key("conformance", place) for place in range(10)]


def check_policy(
    policy: Policy,
    questions: Sequence[str] = QUESTIONS,
    samples: bool = True,
    repeats: bool = True,
    seconds: float = 60.0,
) -> None:
    """Raises ConformanceError with everything that is wrong with the policy.

    It writes as many continuations, of as many steps, as it is asked for; only a last step is closed; log-probabilities
    and entropies fit the tokens. The same seed writes the same steps, alone and among others (unless `repeats` is
    False, as where a model's batches round differently), and of ten seeds two differ (unless `samples` is False). Costs
    add up, and are no more than the worst case where the policy tells one. What an `Ask` says is done, or refused with
    KnobError. A request that is cancelled ends within `seconds`, and changes nothing for those that follow.
    """
    examiner = _Examiner(policy, repeats, seconds)
    asyncio.run(_examine(examiner, questions, samples))
    raise_failures(policy, examiner.failures)


async def _examine(examiner: "_Examiner", questions: Sequence[str], samples: bool) -> None:
    for question in questions:
        for node in await examiner.nodes(question):
            for n, max_steps in REQUESTS:
                await examiner.extends(node, n, max_steps)
        await examiner.cancelled(Tree(question).root)
        if takes_ask(examiner.policy):
            await examiner.asks(question)
    if samples and not examiner.failures:
        await examiner.samples(questions)


@dataclass
class _Examiner:
    """Makes requests, and notes what is wrong."""

    policy: Policy
    repeats: bool
    seconds: float
    failures: list[str] = field(default_factory=list[str])

    async def ask(
        self, node: Node, seeds: Sequence[int], max_steps: int | None, ask: Ask = GO_ON, refusals: bool = False
    ) -> Extension | None:
        """One checked request, or None where it failed, or was refused as it may be."""
        named = f" with {ask.named()}" if ask != GO_ON else ""
        how = f"depth {node.depth}, n = {len(seeds)}, max_steps = {max_steps}{named}"
        more = {"ask": ask} if ask != GO_ON else {}
        before = dict(node.children), dict(node.stats)
        try:
            extension = await self.policy.extend(node, len(seeds), max_steps, seeds, **more)
            check_extension(extension, len(seeds), max_steps, node)
        except Exception as error:
            if not (refusals and isinstance(error, KnobError)):
                self.failures.append(f"{how}: {type(error).__name__}: {error}")
            return None
        for steps in extension.continuations:
            self.failures += [f"{how}: {wrong}" for step in steps if (wrong := wrong_in(step))]
        self._costs(how, node, max_steps, extension, ask)
        if (node.children, node.stats) != before:
            self.failures.append(f"tree: {how}: it changes the tree")
        return extension

    def _costs(self, how: str, node: Node, max_steps: int | None, extension: Extension, ask: Ask) -> None:
        if min(extension.cost[:4]) < 0 or (extension.cost.flops or 0) < 0 or (extension.question_tokens or 0) < 0:
            self.failures.append(f"cost: {how}: it is negative: {extension.cost}")
        written = sum(step.generated for steps in extension.continuations for step in steps)
        if written > extension.cost.generated:
            self.failures.append(f"cost: {how}: {written} tokens are written, and {extension.cost.generated} generated")
        most = worst_case(self.policy, node, max_steps) if ask == GO_ON else None
        for cost in extension.each_cost():
            if most is not None and (more := excess(cost, most)):
                self.failures.append(f"worst case: {how}: a continuation costs {more}")

    async def nodes(self, question: str) -> list[Node]:
        """The root, and an open node below it where the policy writes one."""
        tree = Tree(question)
        extension = await self.ask(tree.root, SEEDS, 1)
        open_steps = [steps[0] for steps in extension.continuations if steps[0].open] if extension else []
        return [tree.root, *(tree.root.add(tree.root.reserve(1).start, step) for step in open_steps[:1])]

    async def extends(self, node: Node, n: int, max_steps: int | None) -> None:
        """A request, once more, and each of its continuations by itself."""
        seeds = SEEDS[:n]
        first, again = [await self.ask(node, seeds, max_steps) for _ in range(2)]
        if not (first and again and self.repeats):
            return
        if first.continuations != again.continuations:
            self.failures.append(f"seed: depth {node.depth}, max_steps = {max_steps}: the same seeds write other steps")
        alone = await asyncio.gather(*(self.ask(node, [seed], max_steps) for seed in seeds))
        if any(one and one.continuations != (steps,) for one, steps in zip(alone, first.continuations, strict=True)):
            self.failures.append(
                f"seed: depth {node.depth}, max_steps = {max_steps}: a seed writes other steps among others than alone"
            )

    async def samples(self, questions: Sequence[str]) -> None:
        extensions = [await self.ask(Tree(question).root, SEEDS, None) for question in questions]
        if all(extension and len(set(extension.continuations)) == 1 for extension in extensions):
            self.failures.append("seed: ten seeds write the same steps; use them, or say samples=False")

    async def cancelled(self, root: Node) -> None:
        """At once, and when the request has begun; what follows is as before."""
        before = await self.ask(root, SEEDS[:2], None)
        for pause in (0.0, 0.001, 0.05):
            request = asyncio.ensure_future(self.policy.extend(root, 2, None, SEEDS[:2]))
            await asyncio.sleep(pause)
            was_running = request.cancel()
            await asyncio.wait([request], timeout=self.seconds)
            if not request.done():
                self.failures.append(f"cancelled: a request does not end within {self.seconds:g} seconds")
            elif was_running and not request.cancelled():
                self.failures.append("cancelled: a request goes on; let CancelledError pass, or raise Stopped")
        after = await self.ask(root, SEEDS[:2], None)
        if self.repeats and before and after and before.continuations != after.continuations:
            self.failures.append("cancelled: the next request writes other steps")

    async def asks(self, question: str) -> None:
        """Each field is honoured or refused."""
        root = Tree(question).root
        if extension := await self.ask(root, SEEDS[:2], None, Ask(max_tokens=3), refusals=True):
            for steps in extension.continuations:
                if sum(step.generated for step in steps) > 3:
                    self.failures.append("ask: max_tokens = 3 is neither kept nor refused with KnobError")
        floor = Floor(-1e-6, 1)
        sure = await self.ask(root, SEEDS[:2], None, Ask(floor=floor), refusals=True)
        for steps in sure.continuations if sure else ():
            written = [logprob for step in steps for logprob in step.logprobs[step.written]]
            if min(written[:-1], default=0.0) < floor.confidence:
                self.failures.append("ask: floor: a token below it ends nothing; refuse it with KnobError")
        begun = await self.ask(root, SEEDS[:2], 1, Ask(given="So"), refusals=True)
        if begun and not all(steps[0].text.startswith("So") for steps in begun.continuations):
            self.failures.append("ask: a continuation does not begin with the given text; refuse it with KnobError")
        greedy = await self.ask(root, SEEDS, 1, Ask(temperature=0.0), refusals=True)
        if greedy and self.repeats and len(set(greedy.continuations)) > 1:
            self.failures.append("ask: temperature = 0 writes different steps; refuse it with KnobError")
        finished = root.add(root.reserve(1).start, Step("So \\boxed{3}", (1,), (-1.0,), End.ANSWER))
        for ask in (Ask(action="check"), Ask(hint="Think of a number."), Ask(sources=(finished,))):
            await self.ask(root, SEEDS[:2], 1, ask, refusals=True)


def wrong_in(step: Step) -> str:
    """What is wrong with a step; empty where nothing is."""
    tokens = len(step.token_ids)
    if len(step.logprobs) not in (0, tokens):
        return f"tokens: a step of {tokens} tokens has {len(step.logprobs)} log-probabilities"
    if step.entropy is not None and len(step.entropy) != tokens:
        return f"tokens: a step of {tokens} tokens has {len(step.entropy)} entropies"
    if any(logprob > 1e-3 for logprob in step.logprobs):
        return f"tokens: a log-probability is {max(step.logprobs):g}, above 0"
    if step.entropy is not None and any(entropy < -1e-3 or math.isnan(entropy) for entropy in step.entropy):
        return f"tokens: an entropy is {min(step.entropy):g}, below 0"
    if step.end is End.ANSWER and not has_boxed(step.text):
        return "end: a step ends with an answer and holds no complete \\boxed{} with one; say End.EOS"
    return ""
