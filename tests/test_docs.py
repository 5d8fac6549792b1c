"""Every command that a document shows can be typed, every make target and module is there, and the site is whole."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from experiments.cli import COMMANDS
from experiments.config.compose import compose
from experiments.config.files import with_files
from experiments.config.overrides import apply, parse
from experiments.config.schema import schema
from tests.command_line import ROOT, knobs_of

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()


def shown(text: str) -> Iterator[str]:
    """The indented lines of a document, lines that end in a backslash joined with the next."""
    for block in re.findall(r"(?:^ {4,}\S.*\n?)+", text, re.MULTILINE):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())


def typed(line: str) -> list[str] | None:
    """The words after `stepsearch` of a line that runs it, without what a shell does around it; else None."""
    found = re.search(r"(?:^|\| |\$ |<\()stepsearch (.+)$", line)
    if not found:
        return None
    lexer = shlex.shlex(found[1].removesuffix(")" if "<(" in line else ""), posix=True, punctuation_chars="|")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words = list(lexer)
    return words[: words.index("|")] if "|" in words else words


def parsed(words: list[str]) -> None:
    """Composes a command line as the command would. Raises what it raises for a wrong word."""
    name, *rest = words
    if name == "--version":
        return
    command = COMMANDS[name]
    if command.question and rest and not rest[0].startswith("--"):
        rest = rest[1:]
    options = ("--help", "--quiet", "--cfg", "job")
    knobs = knobs_of(name)
    compose(knobs, with_files(knobs, [word for word in rest if word not in options]))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config files that the documents name."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("seeds: [1]\n")
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/config.yaml").write_text(OmegaConf.to_yaml(compose(knobs_of("sweep"), [])))


@pytest.mark.slow
def test_every_command_of_the_documents_can_be_typed(files: None):
    """Each different one once; the values are read when a command runs."""
    lines = {tuple(words): path.name for path in DOCUMENTS for words in map(typed, shown(path.read_text())) if words}
    assert len(lines) > 60
    wrong: list[str] = []
    for words, name in lines.items():
        try:
            parsed(list(words))
        except Exception as error:
            wrong.append(f"{name}: {shlex.join(words)}\n  {error}")
    assert not wrong, "\n".join(wrong)


def test_the_check_of_commands_can_fail():
    text = (
        "Text\n\n    stepsearch sweep seeds=1 \\\n        budget.token=3 # so\n    stepsearch solve '1 | 2' | head -1\n"
    )
    first, second = map(typed, shown(text))
    assert (first, second) == (["sweep", "seeds=1", "budget.token=3"], ["solve", "1 | 2"])
    with pytest.raises(ValueError, match=r"budget\.token"):
        parsed(first or [])
    assert typed("source <(stepsearch completion bash)") == ["completion", "bash"]
    assert typed("stepsearch: an error") is None


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_target_and_module_of_a_document_is_there(path: Path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z.][a-z.-]*):", MAKEFILE, re.MULTILINE))
    named = re.findall(r"(?:^ {4}|`)make (?:[A-Z_]+=\S* )*([a-z.][a-z.-]*)", text, re.MULTILINE)
    assert set(named) <= targets
    assert all(find_spec(module) for module in re.findall(r"python -m (experiments[\w.]*\w)", text))


def module_calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """The modules that a text's `python -m experiments...` and `make TARGET ARGS=...` run, and the words they get."""
    of_target = dict(re.findall(r"^([a-z-]+):.*\n\t\S+ -m (experiments\S+) \$\(ARGS\)", MAKEFILE, re.MULTILINE))
    for module, words in re.findall(r"python -m (experiments[\w.]*\w)\b(?![\w. ]*\$)([^#`\n]*)", text):
        yield module, shlex.split(words)
    for target, words in re.findall(r"\b(?:make )?([a-z-]+):?\b[^\n]*?\bARGS=(\"[^\"]*\"|[^\s,;.`]+)", text):
        if target in of_target:
            yield of_target[target], shlex.split(words.strip('"'))


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "Makefile"], ids=lambda path: path.name)
def test_every_module_takes_the_words_that_are_shown_with_it(path: Path):
    for module, words in module_calls(path.read_text()):
        is_package = (ROOT / module.replace(".", "/")).is_dir()
        knobs = import_module(f"{module}.__main__" if is_package else module).Knobs
        config = OmegaConf.structured(schema(knobs))
        for word in words:
            apply(config, parse(word))


def test_every_extra_and_group_that_a_document_installs_is_there():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    named = [name for path in DOCUMENTS for name in re.findall(r"pip install [^\n]*?\[(\w+)\]'", path.read_text())]
    assert set(named) <= extras and len(named) > 4


# the site


@pytest.fixture(scope="module")
def site() -> Any:
    spec = spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_stands_in_the_navigation(site: Any):
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} | {*site.PAGES.values(), "reference.md"}
    assert set(re.findall(r"[\w/]+\.md", nav)) == pages
    assert all((ROOT / source).exists() for source in site.PAGES)


def test_links_lead_to_the_pages_of_the_site(site: Any):
    text = "[a](docs/results.md#x) ![b](docs/bigbench.png) [`c`](search) [d](https://e.f) [g](#h) [i](CHANGELOG.md)"
    assert site.relinked(text, "README.md", "index.md") == (
        "[a](results.md#x) ![b](bigbench.png) `c` [d](https://e.f) [g](#h) [i](changelog.md)"
    )
    card = site.relinked("[a](../../docs/results.md) [b](../tiny/README.md)", *list(site.PAGES.items())[4])
    assert card == "[a](../results.md) [b](policies_tiny.md)"


def test_the_reference_names_every_public_class_and_function(site: Any):
    import stepsearch

    page = "\n".join(site.reference())
    names = [getattr(getattr(stepsearch, name), "__qualname__", None) for name in stepsearch.__all__]
    assert len(names) > 40 and all(re.search(rf"^::: \S+\.{name}$", page, re.MULTILINE) for name in names if name)
    assert "`stepsearch.ToyPolicy` is this class:\n\n::: policies.toy.Toy\n" in page


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the extra [docs]; `make docs` builds the site")
def test_the_site_builds_without_warnings_and_asks_no_other_host(tmp_path: Path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not any(
        re.search(r'src="https?:|rel="stylesheet" href="https?:', p.read_text()) for p in tmp_path.glob("*.html")
    )
