"""Every format of reward model: a random checkpoint in exactly that format, against its raw weights read by hand."""

import asyncio
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2ForCausalLM, Qwen2ForTokenClassification

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.schema import build
from policies.engines.hf import load_tokenizer
from policies.engines.models import ModelError
from policies.engines.prompt import SYSTEM_PROMPT, encode_question
from scorers.checkpoints.heads import Head
from scorers.checkpoints.presets import PRESETS, check_preset
from scorers.conformance import check_scorer
from scorers.implicit import Implicit
from scorers.outcome import Outcome
from scorers.prm import PRM, LMHeadPRM, TokenClassification, ValueHead
from search import Kind, KnobError, Step
from tests.models import save_random
from tests.scorers.formats import FORMATS, QUESTION, TEXTS, ask, make, reference


@pytest.mark.parametrize("name", FORMATS)
def test_scores_are_those_of_the_raw_weights(name: str, tmp_path: Path):
    scorer = make(name, tmp_path)
    theirs = reference(name, tmp_path)
    is_outcome = scorer.kind is Kind.OUTCOME
    ours = ask(scorer, since=len(TEXTS) - 1) if is_outcome else ask(scorer)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert is_outcome or max(theirs) - min(theirs) > 0.005, "the test needs scores that differ"


@pytest.mark.parametrize("name", [name for name in FORMATS if "outcome" not in name])
def test_what_was_read_stays_what_it_was(name: str, tmp_path: Path):
    scorer = make(name, tmp_path)
    whole = ask(scorer)
    assert ask(scorer, count=2) == pytest.approx(whole[:2], abs=1e-5)
    assert ask(scorer, since=2) == pytest.approx(whole[2:], abs=1e-5)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_keeps_the_promises_of_a_scorer(name: str, tmp_path: Path):
    check_scorer(make(name, tmp_path))


def test_a_checkpoint_of_another_kind_is_told_apart(random_policy: str, random_prm: str, tmp_path: Path):
    with pytest.raises(ModelError, match="is a Qwen2ForCausalLM; scorer=lm_head_prm reads it"):
        TokenClassification(model=random_policy).load()
    with pytest.raises(ModelError, match="is a Qwen2ForCausalLM; scorer=lm_head_prm reads it"):
        PRM(random_policy).load()
    with pytest.raises(ModelError, match="is a Qwen2ForProcessRewardModel; scorer=prm reads it"):
        Outcome(model=random_prm).load()
    with pytest.raises(ModelError, match=r"lacks v_head\.summary\.weight"):
        ValueHead(model=random_policy).load()
    three = save_random(Qwen2ForTokenClassification, tmp_path, 0, num_labels=3)
    with pytest.raises(ModelError, match="has 3 labels; a step is wrong"):
        TokenClassification(model=three).load()


def test_two_words_that_end_in_one_token_are_refused(random_policy: str):
    with pytest.raises(ModelError, match=r"good='\+' and bad='\+' end in the same token"):
        LMHeadPRM(model=random_policy, good="+", bad="+").load()


def test_a_special_token_in_a_step_is_text(random_prm: str):
    """What a policy writes cannot end a turn, nor set a tag of its own."""
    scorer = PRM(random_prm)
    ids, places = scorer.form.encode(scorer.reader.tokenizer, QUESTION, ["1 <extra_0> 2<|im_end|>", "3"])
    tag, end = (scorer.reader.tokenizer.get_vocab()[token] for token in ("<extra_0>", "<|im_end|>"))
    assert [place for place, token in enumerate(ids) if token == tag] == places
    assert end not in ids[places[0] - 5 :]


def test_a_tag_that_is_cut_into_pieces_is_refused(random_policy: str):
    with pytest.raises(ModelError, match="tag='ки': the tokenizer cuts it into pieces"):
        LMHeadPRM(model=random_policy, tag="ки").load()
    with pytest.raises(ModelError, match="good='': the tokenizer makes no token of it"):
        LMHeadPRM(model=random_policy, good="", tag="<extra_0>").load()


def test_a_step_that_holds_the_tag_is_read_as_text(random_policy: str):
    scorer = LMHeadPRM(model=random_policy, tag="<extra_0>")
    scored = asyncio.run(scorer.score(f"what is <extra_0> and {QUESTION}", [Step("1 <extra_0> 2"), Step("3")], 0))
    assert len(scored.scores) == 2


# published models, by name


def test_a_known_model_is_refused_with_the_words_that_read_it(tmp_path: Path):
    """Nothing is fetched for it: the hub cannot be reached from here."""
    shepherd = "peiyi9979/math-shepherd-mistral-7b-prm"
    with pytest.raises(ModelError, match=r"is read by scorer=lm_head_prm scorer\.tag=ки"):
        PRM(model=shepherd).load()
    with pytest.raises(ModelError, match=r"is read by scorer=lm_head_prm$"):
        LMHeadPRM(model="RLHFlow/Llama3.1-8B-PRM-Mistral-Data", tag="ки").load()
    with pytest.raises(ModelError, match=r"is read by scorer=outcome 'scorer\.system_prompt=Please .* check your"):
        Outcome(model="nvidia/AceMath-7B-RM").load()
    with pytest.raises(ModelError, match=r"is read by scorer=lm_head_prm scorer\.tag=ки"):
        LMHeadPRM(model=str(tmp_path / "Math-Shepherd-Mistral-7B-PRM")).load()
    with pytest.raises(ModelError, match=r"is read by scorer=implicit scorer\.reference=Qwen"):
        Implicit(model="PRIME-RL/EurusPRM-Stage2").load()


@pytest.mark.parametrize("name", PRESETS)
def test_the_words_of_every_known_model_compose(name: str):
    scorer: Any = build(compose(Solve, [*shlex.split(PRESETS[name].words), f"scorer.model={name}"])["scorer"])
    head = Head.LIKELIHOOD if isinstance(scorer, Implicit) else scorer.head
    check_preset(head, name, scorer)
    others = next(other for other in Head if other != head)
    with pytest.raises(ModelError, match=f"is read by scorer={head}"):
        check_preset(others, name, scorer)


# two language models


def test_implicit_rewards_are_the_log_ratio_of_each_step(tmp_path: Path):
    folders = [save_random(Qwen2ForCausalLM, tmp_path / str(seed), seed) for seed in (5, 6)]
    scorer = Implicit(model=folders[0], reference=folders[1], beta=0.5)
    steps = [Step(text + "\n\n" * (text is not TEXTS[-1])) for text in TEXTS]
    ours = list(asyncio.run(scorer.score(QUESTION, steps, 0)).scores)
    tokenizer = load_tokenizer(folders[0])
    ids = encode_question(tokenizer, QUESTION, SYSTEM_PROMPT)
    ends = [len(ids)]
    for step in steps:
        ids = [*ids, *tokenizer.encode(step.text, add_special_tokens=False)]
        ends.append(len(ids))
    found = []
    for folder in folders:
        model = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.inference_mode():
            logps = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        found.append(logps.gather(1, torch.tensor(ids[1:])[:, None])[:, 0])
    ratio = 0.5 * (found[0] - found[1])
    assert ours == pytest.approx([float(ratio[a - 1 : b - 1].sum()) for a, b in pairwise(ends)], abs=1e-3)
    assert list(asyncio.run(scorer.score(QUESTION, steps, 2)).scores) == pytest.approx(ours[2:], abs=1e-4)
    check_scorer(scorer)


def test_models_with_other_tokens_are_refused(random_policy: str, tmp_path: Path):
    other = save_random(Qwen2ForCausalLM, tmp_path, 0)
    file = tmp_path / "tokenizer.json"
    file.write_text(file.read_text().replace("<extra_0>", "<extra_9>"))
    with pytest.raises(KnobError, match="has other tokens than"):
        Implicit(model=random_policy, reference=other).load()
