"""policy=several on the command line: members by name with their knobs, and what a run remembers of them."""

import re

import pytest

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError
from experiments.runs.fingerprints import part_fingerprints
from experiments.runs.preflight import context_notes, with_ends
from policies.choosing import Choice
from policies.hf import HF
from policies.several import Several
from policies.toy import Toy
from search.answers.extraction import LastNumber
from search.errors import KindError, KnobError
from search.protocols import check_fit
from search.tree.scores import Kind
from search.trial import TrialScorer


def built(*words: str) -> Several:
    return build(compose(Solve, ["policy=several", *words])["policy"])


def test_members_are_named_with_their_knobs() -> None:
    words = ["policy.members=toy@one,toy@two", "policy.args.two.temperature=2", "policy.thresholds=0.5"]
    assert built(*words) == Several((Toy(), Toy(temperature=2)), ("one", "two"), thresholds=(0.5,))
    three = built("policy.members=hf,toy,openai", "policy.rule=bandit")
    assert three.names == ("hf", "toy", "openai") and three.rule is Choice.BANDIT


def test_a_member_whose_model_is_known_has_its_preset() -> None:
    """A knob that is typed wins."""
    words = ["policy.args.small.model=Qwen/Qwen2.5-Math-1.5B-Instruct", "policy.args.small.top_p=0.9"]
    (small, large) = built(*words).of
    assert isinstance(small, HF) and (small.temperature, small.top_p) == (0.7, 0.9)
    assert large == HF()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("policy.members=hf,hf", "policy.members: two are called hf; tell them apart as hf@one, hf@two"),
        ("policy.members=hf@a,vlm@b", "policy.members: no such policy 'vlm'; choose from"),
        ("policy.args.medium.model=x", "policy.args.medium: no such member; there are small, large"),
        ("policy.args.large.modle=x", "policy.args.large.modle: no such knob; hf has"),
        ("policy.members=toy", "policy.members: give two members or more"),
        ("policy.thresholds=0.5,0.1", "2 members need 1"),
        ("policy.rule=entropy", "policy.rule=entropy"),
    ],
)
def test_mistakes_are_named(words: str, message: str) -> None:
    with pytest.raises((ConfigError, KnobError), match=re.escape(message)):
        built(*words.split())


def test_a_run_remembers_the_models_and_the_prompts_of_all_members() -> None:
    prints = part_fingerprints(None, built("policy.args.large.prompt=Solve {{ question }}"), None, None)
    assert set(prints) == {
        "policy.members.0.model",
        "policy.members.1.model",
        "the prompt of a fixed question, small",
        "the prompt of a fixed question, large",
    }
    assert "Solve What is 1 + 1?" in prints["the prompt of a fixed question, large"]


def test_the_rule_of_where_a_solution_ends_is_that_of_all_members() -> None:
    policy = with_ends(built("policy.members=hf,toy"), LastNumber())
    assert [getattr(member, "ends_at_box", None) for member in policy.of] == [False, None]
    assert list(context_notes(policy, (), ["q"])) == []


def test_a_bandit_refuses_a_scorer_that_only_ranks_before_any_search() -> None:
    words = ["policy.members=toy@one,toy@two"]
    ranking = TrialScorer(kind=Kind.RANKING)
    check_fit(built(*words), ranking)
    with pytest.raises(KindError, match=r"policy\.rule=bandit cannot use scores of kind ranking"):
        check_fit(built(*words, "policy.rule=bandit"), ranking)
