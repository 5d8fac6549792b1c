"""The benchmark's own arithmetic: the least that vLLM must compute when its cache holds whole blocks only."""

import asyncio
from collections.abc import Sequence

import pytest

from experiments.benchmarks.traffic import Event, Least, Traffic, least
from experiments.benchmarks.vllm import Row, run
from policies.engines.server import Draw, Written
from policies.toy import Toy
from scorers.checks import Checks
from search import BestOfN, Job


def began(ids: str, search: str = "one") -> Event:
    return Event(search, True, tuple(map(ord, ids)))


def ended(ids: str, search: str = "one") -> Event:
    return Event(search, False, tuple(map(ord, ids)))


def test_a_first_prompt_is_all_new():
    assert least([began("abcdef")], block=4) == Least(new=6, rounding=0)


def test_what_an_earlier_request_read_is_not_new_but_a_partial_block_is_read_again():
    assert least([began("abcdef"), began("abcdefgh")], block=4) == Least(new=6 + 2, rounding=2)
    assert least([began("abcd"), began("abcdef")], block=4) == Least(new=4 + 2, rounding=0)


def test_the_last_token_of_a_prompt_is_always_computed():
    assert least([began("abcdef"), began("abcdef")], block=4) == Least(new=6 + 1, rounding=1)
    assert least([began("abcde"), began("abcde")], block=4) == Least(new=5 + 1, rounding=0)


def test_what_was_written_is_in_the_cache_once_its_request_has_ended():
    assert least([began("ab"), ended("abcd"), began("abcdef")], block=4) == Least(new=2 + 2, rounding=0)
    assert least([began("ab"), began("abcdef"), ended("abcd")], block=4) == Least(new=2 + 4, rounding=2)


def test_searches_share_nothing():
    assert least([began("abcd"), began("abcd", "other")], block=4) == Least(new=8, rounding=0)


def test_a_row_tells_whether_its_bound_held():
    assert Row("speed", 0.9, least=0.85).in_bounds and not Row("speed", 0.8, least=0.85).in_bounds
    assert Row("tokens", 1.03, most=1.03).in_bounds and not Row("tokens", 1.04, most=1.03).in_bounds


class Server:
    """Writes two tokens."""

    async def generate(self, ids: Sequence[int], draw: Draw, salt: str) -> Written:
        return Written([7, 8], len(ids), 0)


def test_what_a_server_is_asked_is_recorded_with_what_it_wrote():
    server = Server()
    with Traffic(server, "generate") as wrote:
        asyncio.run(server.generate([1, 2], Draw(), "one"))
    assert wrote.events == [Event("one", True, (1, 2)), Event("one", False, (1, 2, 7))]
    assert wrote.sent == [([1, 2], Draw(), "one")] and "generate" not in vars(server)


def test_a_search_that_fails_ends_the_measurement():
    with pytest.raises(ValueError, match="the question is empty"):
        run([Job("1 + 1 =", BestOfN(1), Toy(), Checks()), Job("", BestOfN(1), Toy(), Checks())], 2)
