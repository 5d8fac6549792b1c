"""What is mistyped on a command line is answered with one line that says what is valid, and nothing is written."""

import json
import shlex
from pathlib import Path

import pytest

from tests.command_line import run
from tests.report_runs import write_run
from tests.results import PROBLEMS, result, write_results

SOLUTION = {"id": "a", "problem": "q", "steps": ["x"], "label": -1}
SAMPLES = {"problem": "q", "answer": "1", "unique_id": "u", "completions": ["a", "b"], "scores": [[0.5], [0.4]]}
# {run} and the like are files and folders of the fixture below.
MISTAKES = {
    "no command": [("solv x", "no such command 'solv'; choose from demo, solve, prompt, serve, sweep")],
    "the question of solve": [
        ("solve", "stepsearch solve 'QUESTION'"),
        ("solve search=beam", "the question comes first"),
        ("solve '' policy=toy scorer=toy", "the question is"),
        ("solve '  ' policy=toy scorer=toy", "the question is"),
        ("solve '\udc80' policy=toy scorer=toy", "the question is"),
    ],
    "choices": [
        ("solve q search=beem", "search=beem: no such choice; choose from best_of_n, beam,"),
        ("solve q policy=HF", "policy=HF: no such choice; choose from hf, vllm, openai, toy, several, custom"),
        ("solve q policy=toy scorer=toi", "Did you mean toy?"),
        ("sweep policy=toy scorer=toy problems=arithmatic", "Did you mean arithmetic?"),
    ],
    "knobs": [
        (
            "solve q policy=toy search.simulatons=2",
            "search.simulatons: no such knob; search has simulations, widening,",
        ),
        ("solve q policy=toy search.simulatons=2", "Did you mean simulations?"),
        ("solve q policy=toy search.beam.every=2", "; write search=beam, and its knobs as search.KNOB"),
        ("solve q policy=toy policy.wait=1", "; it is a knob of policy=hf, policy=vllm"),
        ("solve q policy=toy bugdet.samples=2", "bugdet: no such knob; this command has search, policy,"),
        ("solve q policy=toy scorer=toy budget.tokens=2", "budget has samples, generated_tokens, flops, seconds"),
        ("solve q policy=toy scorer=toy +depth=2", "depth: no such knob"),
        ("solve q policy=toy scorer=toy hydra.verbose=true", "hydra.verbose=true: stepsearch composes its config"),
        ("solve q policy=toy scorer=toy search.simulations.x=2", "search.simulations is a value"),
        ("solve q policy=toy scorer=toy budget=2", "budget is a group of knobs"),
        ("solve q policy=toy scorer=toy search", "'search' is no knob; write key=value"),
        ("solve q policy=toy scorer=toy ~search", "cannot be removed"),
        ("report run=x tree=false", "tree: no such knob; this command has run, out, baseline, trees"),
    ],
    "values": [
        ("solve q policy=toy scorer=toy search.simulations=few", "search.simulations=few: Value 'few' of type 'str'"),
        ("sweep policy=toy scorer=toy seeds=", "seeds=: it takes a list; write its values: seeds=A,B"),
        (
            "sweep policy=toy scorer=toy 'seeds=range(1,3)'",
            "a range is Hydra's and none here; write its values: seeds=A,B",
        ),
        ("sweep policy=toy scorer=toy seeds=1,x", "seeds=1,x: Value 'x' of type 'str'"),
        ("sweep policy=toy scorer=toy budgets=[]", "Sweep.budgets is []; give at least one budget"),
        ("solve q 'policy.stop=[\"\"]'", "stop=[''] names an empty text"),
        ("solve q policy=toy scorer=toy search.simulations=null", "search.simulations=null: null is not allowed"),
        ("solve q policy=toy scorer=toy search.simulations=0", "MCTS.simulations is 0; it must be >= 1"),
        ("solve q policy=toy scorer=toy search.prior=shares", "expected one of [share, logprob, uniform]"),
        (
            "solve q policy=toy scorer=toy search.simulations=1,2",
            "takes one value; stepsearch sweep takes lists as budgets=,",
        ),
        ("solve q policy=toy scorer=toy selection=particle", "selection=particle needs search=particle_filter"),
        ("solve q policy=toy scorer=toy search.reduction=sum", "reduction sum is not defined for scores of kind value"),
        (
            "solve q policy=toy scorer=toy json=no/such/folder/x.json",
            "no/such/folder/x.json: its folder does not exist",
        ),
    ],
    "classes of one's own": [
        ("solve q policy=toy scorer=custom", "write module:Class"),
        ("solve q policy=toy scorer=custom scorer.cls=Picky", "write module:Class"),
        (
            "solve q policy=toy scorer=custom scorer.cls=nowhere:Picky",
            "no module 'nowhere'; looked for nowhere.py in ",
        ),
        (
            "solve q policy=toy scorer=custom scorer.cls=tests.plugins:Piky",
            "has no class Piky; it has Mood, Slow, Slowing, Shouts",
        ),
        ("solve q policy=toy scorer=custom scorer.cls=tests.plugins:Picky", "scorer.args.hated is missing"),
        (
            "solve q policy=toy scorer=custom scorer.cls=tests.plugins:Picky scorer.args.hatred=x",
            "scorer.args.hatred: no such argument of tests.plugins:Picky; it takes",
        ),
        (
            "solve q policy=toy scorer=custom scorer.cls=tests.plugins:Picky scorer.args={{hated:x,mood:ugly}}",
            "scorer.args.mood=ugly: choose from good, bad",
        ),
    ],
    "members of an ensemble": [
        (
            "solve q policy=toy scorer=ensemble scorer.members=prm,prm",
            "two are called prm; tell them apart as prm@one, prm@two",
        ),
        (
            "solve q policy=toy scorer=ensemble scorer.members=prm,chekcs",
            "no such scorer 'chekcs'; choose from",
        ),
        (
            "solve q policy=toy scorer=ensemble scorer.args.self.x=1",
            "scorer.args.self: no such member; there are prm, checks",
        ),
        ("solve q policy=toy scorer=ensemble scorer.args.prm.modle=x", "scorer.args.prm.modle: no such knob; prm has "),
        ("solve q policy=toy scorer=ensemble scorer.args.prm.modle=x", "Did you mean model?"),
        ("solve q policy=toy scorer=ensemble scorer.args.checks.unknown=text", "scorer.args.checks.unknown=text: "),
    ],
    "a searcher in rounds": [
        (
            "solve q policy=toy scorer=toy search=again search.inner=rebas",
            "search.inner: no such searcher 'rebas'; choose",
        ),
        ("solve q policy=toy scorer=toy search=again search.inner=rebas", "module:Class. Did you mean rebase?"),
        ("solve q policy=toy scorer=toy search=again search.inner=again", "no such searcher 'again'"),
        (
            "solve q policy=toy scorer=toy search=again search.args.m=3",
            "search.args.m: no such knob; rebase has n, temp",
        ),
        ("solve q policy=toy scorer=toy search=again search.args.n=many", "search.args.n=many: Value 'many' of type"),
        ("solve q policy=toy scorer=toy search=again search.args.n=0", "Rebase.n is 0; it must be >= 1"),
        ("solve q policy=toy scorer=toy search=again search.sure=95", "Again.sure is 95.0; it must be >= 0 and <= 1"),
        ("solve q policy=toy scorer=toy search=again search.inner=nowhere:It", "no module 'nowhere'"),
        ("sweep policy=toy scorer=toy searchers=again search.again.args.simulations=2", "no such knob; rebase has n"),
    ],
    "sweep": [
        ("sweep policy=toy scorer=toy search=mcts", "set search.best_of_n, search.beam,"),
        ("sweep policy=toy scorer=toy searchers=beem", "no such searcher 'beem'; choose from best_of_n, beam,"),
        ("sweep policy=toy scorer=toy searchers=[]", "name at least one"),
        ("sweep policy=toy scorer=toy budgets=1 budget.flops=[1]", "budgets and budget.flops are both lists"),
        ("sweep policy=toy scorer=toy budget.samples=[1] budget.flops=[1]", "sweep one of them"),
        ("sweep policy=toy scorer=toy budget.generated_tokens=[2.5]", "give a whole number, or a list of them"),
        ("sweep policy=toy scorer=toy budget.flops=much", "budget.flops is 'much'"),
        ("sweep policy=toy scorer=toy budget.flops=[-1]", "Budget.flops is -1.0; it must be > 0"),
        ("sweep policy=toy scorer=toy concurrency=0", "Sweep.concurrency is 0; it must be >= 1"),
        ("sweep policy=toy scorer=toy problems=jsonl", "problems.path: no file named"),
        ("sweep scorer=toy policy.model=./no_model_here", "no_model_here"),
        ("sweep run=nowhere", "run=nowhere cannot be resumed"),
        (
            "sweep policy=toy scorer=custom scorer.cls=tests.plugins:Ranking scorer.args.hated=x selection=best",
            "particle_filter: a particle filter cannot use scores of kind ranking",
        ),
    ],
    "import": [
        ("import data.path=nowhere.jsonl", "no such file"),
        ("import searcher=beem", "Did you mean beam?"),
        ("import data.path={twins}/samples.jsonl", "2 problems are called u; give each a unique id"),
    ],
    "curves": [
        ("curves", "run=DIR"),
        ("curves run=no/such/run", "no such file; run=DIR names the folder of a sweep"),
        ("curves run={run} axes=token", "no such axis 'token'; choose from generated_tokens"),
        ("curves run={run} axes=[]", "name at least one"),
    ],
    "estimate": [
        ("estimate run=nowhere", "nowhere/results.jsonl: no such file"),
        ("estimate run={samples} k=1,5", "Estimate.k has 5; this run has 2 samples a problem, so k can be 1 to 2"),
        ("estimate run={beam} searcher=beam", "its solutions depend on each other"),
        ("estimate run={beam}", "searcher=best_of_n: not in this run; choose from beam"),
    ],
    "compare": [
        ("compare", "run=DIR"),
        (
            "compare run=x axis=token",
            "expected one of [generated_tokens, computed_tokens, unique_tokens, flops, calls]",
        ),
    ],
    "plan": [
        ("plan", "run=DIR budget=1000"),
        ("plan run={plan} budget=50", "budget=50: every cell costs more; the cheapest costs 100"),
        ("plan run={plan} budget=500 difficulty={plan}", "both runs have seed 0"),
        ("plan run={plan} budget=-1", "Plan.budget is -1"),
        ("plan run={plan} budget=500 difficulty=nowhere", "nowhere/results.jsonl: no such file"),
    ],
    "report": [
        ("report", "report needs the folder of a sweep: run=DIR"),
        ("report run=no/such/run", "no such file; run=DIR names the folder of a sweep"),
        ("report run={run} out={run}", "is a folder; name a file"),
        ("report run={run} out={run}/none/page.html", "cannot be written: No such file or directory"),
        ("report run={empty}", "holds no result"),
    ],
    "judge": [
        ("judge scorer=checks data.path={twins}/math.json", "2 solutions are called math/a"),
        ("judge scorer=checks data=completions data.path={twins}/samples.jsonl", "2 problems are called u"),
        ("judge scorer=checks data=completions data.path={empty}/results.jsonl", "holds no solution"),
        ("judge scorer=checks data.path={run}/nowhere", "nowhere: no such file"),
        ("judge scorer=checks data.path={empty}", "no .json or .json.gz file in it"),
        (
            "judge data=completions data.path={twins}/unscored.jsonl stored=true",
            "no solution in the file has scores; leave stored out",
        ),
    ],
}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs and sets that the command lines name."""
    folder = tmp_path_factory.mktemp("there")
    twins = folder / "twins"
    twins.mkdir()
    (twins / "math.json").write_text(json.dumps([SOLUTION] * 2))
    (twins / "samples.jsonl").write_text("".join(json.dumps(SAMPLES | {"problem": q}) + "\n" for q in "qr"))
    (twins / "unscored.jsonl").write_text(json.dumps(SAMPLES | {"scores": [None] * 2}))
    (twins / "one.jsonl").write_text(json.dumps(SAMPLES))
    cells = [result(p, "beam", n, 1.0, 100.0 * n) for n in (1, 4) for p in range(PROBLEMS)]
    for name in ("samples", "beam"):
        words = ["searcher=beam"] if name == "beam" else []
        assert run("import", f"data.path={twins / 'one.jsonl'}", f"out={folder / name}", *words) == 0
    return {
        "run": write_run(folder / "run", problems=1),
        "empty": write_results(folder / "empty", []),
        "plan": write_results(folder / "plan", cells),
        "samples": folder / "samples",
        "beam": folder / "beam",
        "twins": twins,
    }


@pytest.mark.parametrize(("words", "message"), [row for rows in MISTAKES.values() for row in rows])
def test_a_mistake_is_one_line_that_says_what_is_valid(
    words: str,
    message: str,
    there: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert run(*shlex.split(words.format(**there))) == 2
    out, err = capsys.readouterr()
    assert message in err and err.startswith("stepsearch: ") and err.count("\n") == 1 and not out
    assert not list(tmp_path.iterdir())
