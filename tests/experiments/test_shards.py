"""A sweep in shards, put together by `merge`, is the sweep in one piece; what does not belong together is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import run
from tests.experiments.toy_sweep import lines, summary, sweep, timeless

WORDS = ("budgets=1,4", "seeds=0,1", "scorer.error=1", "trees=true", "searchers=best_of_n,mcts")
PARTS = ("part-1", "part-2", "part-3")


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the sweep of five problems in three shards."""
    from tests.experiments.toy_sweep import write_problems

    folder = tmp_path_factory.mktemp("shards")
    write_problems(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr("experiments.commands.sweep.draw", lambda *_: None)
        for number, part in enumerate(PARTS, 1):
            assert sweep(*WORDS, f"shard={number}/3", out=part) == 0
    return folder


@pytest.fixture
def parts(divided: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as if the sweep had been run there, as the working folder; nothing is drawn."""
    shutil.copytree(divided, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / part / name for part in PARTS for name in ("command.json", "config.yaml", "inputs.json")):
        path.write_text(path.read_text().replace(str(divided), str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    for command in ("sweep", "merge"):
        monkeypatch.setattr(f"experiments.commands.{command}.draw", lambda *_: None)
    return tmp_path


def merge(*words: str) -> int:
    return run("merge", "runs=part-*", "out=whole", *words)


def trees(out: str) -> dict[str, Any]:
    """The trees by file name, without their seconds."""

    def timeless_tree(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: timeless_tree(value) for name, value in node.items() if name != "seconds"}
        return [timeless_tree(item) for item in node] if isinstance(node, list) else node

    return {path.name: timeless_tree(json.loads(path.read_text())) for path in Path(out, "trees").glob("*.json")}


def test_the_shards_put_together_are_the_sweep_in_one_piece(parts: Path):
    shares = [{row["problem"] for row in lines(part)} for part in PARTS]
    assert list(map(len, shares)) == [2, 2, 1] and len(set.union(*shares)) == 5
    assert merge() == 0 and sweep(*WORDS) == 0
    assert timeless("whole") == timeless("run")
    assert trees("whole") == trees("run") and len(trees("run")) == len(lines("run"))
    costs = [[{k: v for k, v in row.items() if "seconds" not in k} for row in summary(out)] for out in ("whole", "run")]
    assert costs[0] == costs[1]
    for name in ("config.yaml", "inputs.json", "versions.json", "command.json"):
        texts = [
            Path(out, name).read_text().replace("whole", "run").replace(str(divided), str(parts))
            for out in ("whole", "run")
        ]
        values = [sorted(value) if isinstance(value := yaml.safe_load(text), list) else value for text in texts]
        assert values[0] == values[1], name


def test_the_merged_run_goes_on_and_grows(parts: Path):
    assert merge() == 0
    before = Path("whole/results.jsonl").read_text()
    assert run("sweep", "run=whole") == 0 and Path("whole/results.jsonl").read_text() == before
    assert run("sweep", "run=whole", "seeds=0,1,2") == 0
    assert {row["seed"] for row in lines("whole")} == {0, 1, 2}


def test_what_prompts_lost_is_told_of_the_whole(parts: Path, capsys: pytest.CaptureFixture[str]):
    for part in PARTS:
        Path(part, "prompt_losses.txt").write_text("the instruction\n")
    assert merge() == 0
    assert "warning: the instruction" in capsys.readouterr().out and Path("whole/prompt_losses.txt").exists()


def test_a_shard_that_was_cut_off_is_ended_first(parts: Path, capsys: pytest.CaptureFixture[str]):
    results = Path("part-2/results.jsonl")
    kept = results.read_text().splitlines()[:-3]
    results.write_text("\n".join(kept) + '\n{"problem": "cut')
    assert merge() == 2
    words = " ".join(capsys.readouterr().err.split())
    assert "part-2 has not ended: 3 of the 14 searches of shard 2/3 are left; stepsearch sweep run=part-2" in words
    assert not Path("whole").exists()
    assert run("sweep", "run=part-2", "shard=1/3") == 2
    assert "shard: 2/3 in the run, 1/3 now" in capsys.readouterr().err
    assert run("sweep", "run=part-2") == 0 and merge() == 0


@pytest.mark.parametrize("shard", ["5/4", "0/4", "1/0", "-1/4", "4", "a/b", "1/4/2", "1.5/4"])
def test_a_wrong_shard_is_named(shard: str, here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep(f"shard={shard}") == 2
    assert f"shard={shard}: write i/k, with i from 1 to k" in capsys.readouterr().err
    assert not Path("run").exists()


def test_an_empty_shard_is_refused(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("shard=6/6") == 2
    assert "shard=6/6 has no problem: there are 5 in all" in capsys.readouterr().err


def _edit(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def _another_config(parts: Path) -> str:
    _edit("part-3/config.yaml", "seeds:\n- 0\n- 1\n", "seeds:\n- 0\n- 2\n")
    return "seeds: 0,1 in the run, 0,2 now"


def _another_division(parts: Path) -> str:
    _edit("part-3/config.yaml", "shard: 3/3", "shard: 3/4")
    return "part-1 is shard 1/3, part-3 is shard 3/4: they are not parts of one sweep"


def _twice(parts: Path) -> str:
    shutil.copytree("part-3", "part-4")
    return "part-3 and part-4 are both shard 3/3; leave one of them out"


def _missing(parts: Path) -> str:
    shutil.rmtree("part-2")
    return "shard=2/3 is missing; name its folder in runs=, or run it first"


def _no_shard(parts: Path) -> str:
    shutil.copytree("part-3", "part-4")
    _edit("part-4/config.yaml", "shard: 3/3", "shard: null")
    return "part-4 is no shard: it was run without shard=i/k"


def _no_run(parts: Path) -> str:
    Path("part-4").mkdir()
    return "run=part-4 cannot be resumed"


def _other_problems(parts: Path) -> str:
    _edit("toy.jsonl", "q4", "q5")
    return "the problems are not those that the shards have run"


def _other_inputs(parts: Path) -> str:
    inputs = json.loads(Path("part-3/inputs.json").read_text())
    Path("part-3/inputs.json").write_text(json.dumps(inputs | {"problems": "0", "scorer.model": "1"}))
    return "part-1 and part-3 had different inputs: problems, scorer.model"


def _a_stranger(parts: Path) -> str:
    line = Path("part-1/results.jsonl").read_text().splitlines()[0]
    with Path("part-2/results.jsonl").open("a") as file:
        file.write(line + "\n")
    return f"part-2: problem {json.loads(line)['problem']} is not in its shard, 2/3"


def _a_full_folder(parts: Path) -> str:
    shutil.copytree("part-1", "whole")
    return "out=whole holds the results of another run"


@pytest.mark.parametrize(
    "spoil",
    [
        _another_config,
        _another_division,
        _twice,
        _missing,
        _no_shard,
        _no_run,
        _other_problems,
        _other_inputs,
        _a_stranger,
        _a_full_folder,
    ],
)
def test_what_does_not_belong_together_is_refused(spoil: Any, parts: Path, capsys: pytest.CaptureFixture[str]):
    words = spoil(parts)
    before = sorted(parts.rglob("whole/*"))
    capsys.readouterr()
    assert merge() == 2
    err = capsys.readouterr().err
    assert words in " ".join(err.split()), err
    assert sorted(parts.rglob("whole/*")) == before


def test_folders_that_are_not_there(parts: Path, capsys: pytest.CaptureFixture[str]):
    assert run("merge") == 2
    assert "merge needs the folders of the shards: runs=DIR,DIR,..." in capsys.readouterr().err
    assert run("merge", "runs=none-*") == 2
    assert "runs=none-*: no folder matches" in capsys.readouterr().err


def test_a_shard_that_runs_is_waited_for(parts: Path, capsys: pytest.CaptureFixture[str]):
    from experiments.runs.appending import appending

    with appending(Path("part-2/results.jsonl")):
        assert merge() == 2
    assert "part-2/results.jsonl is being written to by another process" in capsys.readouterr().err
