"""Servers to stand in for `vllm serve`, a client that looks at them often, and models on both engines."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from policies.engines import fleet, remote
from policies.engines.share import Engine
from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from scorers.prm import PRM
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


@pytest.fixture(scope="module", params=["hf", "vllm"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine; what asks for it runs on each that is installed."""
    if request.param == "vllm" and find_spec("vllm") is None:
        pytest.skip("vLLM is not installed here: make test-vllm")
    return request.param


@pytest.fixture(scope="module")
def policy(engine: str) -> Writing:
    """The shipped policy in single precision."""
    from tests.models import SERVED

    return HF(dtype="float32") if engine == "hf" else VLLM(dtype="float32", **SERVED)


@pytest.fixture(scope="module")
def prm(engine: str) -> PRM:
    """The shipped process reward model in single precision."""
    from tests.models import SERVED

    knobs: dict[str, Any] = {} if engine == "hf" else {"engine": Engine.VLLM, **SERVED}
    return PRM(dtype="float32", **knobs)
