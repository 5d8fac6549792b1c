"""TRL's trainers take the exported preferences and solutions: two steps each on the small policy."""

from pathlib import Path
from typing import Any

import pytest

from policies.engines.hf import load_tokenizer, load_weights
from tests.command_line import run

trl = pytest.importorskip("trl", reason="TRL is not installed")
datasets = pytest.importorskip("datasets", reason="the extra [datasets] is not installed")


@pytest.mark.slow
@pytest.mark.parametrize(("form", "trainer"), [("preference", "DPO"), ("sft", "SFT")])
def test_two_steps_of_a_trainer(form: str, trainer: str, copied: Path, tmp_path: Path):
    from transformers import AutoModelForCausalLM

    assert run("label", "run=run", "method=tree", "least=1") == 0
    assert run("export", "run=run", f"format={form}", "out=x.jsonl", "validation=0", "margin=0.1") == 0
    rows = datasets.load_dataset("json", data_files="x.jsonl", split="train", cache_dir=str(tmp_path / "cache"))
    wanted = ["prompt", "chosen", "rejected"] if form == "preference" else ["prompt", "completion"]
    config: Any = getattr(trl, f"{trainer}Config")(
        output_dir=str(tmp_path / "out"), max_steps=2, per_device_train_batch_size=2, report_to=[], use_cpu=True
    )
    model, tokenizer = load_weights(AutoModelForCausalLM, "tiny", "cpu", "float32"), load_tokenizer("tiny")
    made = getattr(trl, f"{trainer}Trainer")(
        model=model, args=config, train_dataset=rows.select_columns(wanted), processing_class=tokenizer
    )
    assert made.train().global_step == 2
