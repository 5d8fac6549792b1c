"""Servers to stand in for `vllm serve`, and a client that looks at them often."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from policies.engines import fleet, remote
from tests.engines.stub import Stub


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Servers are looked at often; connections are closed at the end."""
    for name, seconds in (("_OFTEN", 0.02), ("_SELDOM", 0.05), ("_AFTER_FAILURE", 0.05)):
        monkeypatch.setattr(remote, name, seconds)
    made: list[fleet.Fleet] = []
    plain = fleet.Fleet.__init__

    def noted(self: fleet.Fleet, *of: Any) -> None:
        made.append(self)
        plain(self, *of)

    monkeypatch.setattr(fleet.Fleet, "__init__", noted)
    yield
    for each in made:
        each.close()


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    stubs: list[Stub] = []

    def make(*of: Any, **knobs: Any) -> Stub:
        stubs.append(Stub(*of, **knobs))
        return stubs[-1]

    yield make
    for each in stubs:
        each.close()
