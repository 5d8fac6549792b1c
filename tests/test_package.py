"""The module `stepsearch`: its names, what it loads, what shadows it, and what the wheel holds."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import search
import stepsearch
from tests.command_line import ROOT


def test_it_has_the_public_names():
    assert set(search.__all__) - {"solve", "Solved"} < set(stepsearch.__all__)
    assert all(hasattr(stepsearch, name) for name in stepsearch.__all__)


def test_it_loads_no_model_library():
    heavy = {"torch", "transformers", "vllm", "matplotlib", "pandas"}
    code = f"import sys, stepsearch; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", ["search", "policies"])
def test_another_package_of_the_same_name_is_named(name: str, tmp_path: Path):
    (tmp_path / name).mkdir()
    code = f"import sys; sys.path[:] = [{str(tmp_path)!r}, *sys.path, {str(ROOT)!r}]; import stepsearch"
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    if ended.returncode == 0:  # a folder without __init__.py gives way to a package
        (tmp_path / name / "__init__.py").touch()
        ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert f"ImportError: `import {name}` finds {tmp_path / name}" in ended.stderr and "rename" in ended.stderr


def test_types_and_module_are_in_the_wheel():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert tool["py-modules"] == ["stepsearch"]
    for package in ("search", "policies", "scorers", "experiments"):
        assert (ROOT / package / "py.typed").exists() and "py.typed" in tool["package-data"][package]
        inner = {".".join(file.relative_to(ROOT).parent.parts) for file in (ROOT / package).rglob("__init__.py")}
        assert inner <= set(tool["packages"])
