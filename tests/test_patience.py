"""Limits of time follow the load, and a line says why tests were skipped."""

import os

import pytest

from tests.patience import patience, skipped


@pytest.mark.parametrize(("load", "expected"), [(0.0, 10), (2.0, 20), (12.0, 70)])
def test_a_limit_grows_with_the_load(load: float, expected: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert patience(10) == expected


@pytest.mark.timeout(7)
def test_the_limit_of_a_test_is_set_when_it_begins(request: pytest.FixtureRequest):
    marker = request.node.get_closest_marker("timeout")
    assert marker is not None and marker.args[0] >= 7
    assert [mark.args[0] for mark in request.node.iter_markers("timeout")][-1] == 7


def test_a_line_says_why():
    reasons = ["Skipped: vLLM is not installed here: make test-vllm"] + [
        "no ../shared/data/math500 beside the checkout"
    ] * 2
    assert skipped(reasons) == (
        "3 skipped: 2 need public data sets in ../shared (CONTRIBUTING, Set-up); "
        "1 vLLM is not installed here: make test-vllm"
    )
