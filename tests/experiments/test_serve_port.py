"""The server in front of search on a real port: the openai client, signals, memory."""

import gc
import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from tests.command_line import ROOT, TOY, run, started

pytest.importorskip("openai", reason="openai is not installed (pip install openai)")
pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'stepsearch[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install 'stepsearch[serve]')")

import openai

from experiments.serving.app import app_of
from experiments.serving.listening import Listening, bound
from tests.serving import SLOW, asked, body, free_port, served

MESSAGES = [{"role": "user", "content": "q"}]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server with the key `right` and room for two searches."""
    server, number = served(*SLOW, "policy.args.seconds=0.02", running=1, waiting=1, key="right"), free_port()
    listening = Listening(app_of(server), server.gate)
    thread = threading.Thread(target=listening.run, args=([bound("127.0.0.1", number)],), daemon=True)
    thread.start()
    while not listening.started:
        time.sleep(0.01)
    yield number
    server.gate.closing = True
    thread.join(10)
    assert not thread.is_alive()


def client(port: int, **options: Any) -> Any:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", **{"api_key": "right", "max_retries": 0, **options})


def test_the_openai_client_is_answered(port: int):
    one = client(port).chat.completions.create(
        model="stepsearch/beam-4", messages=MESSAGES, seed=0, extra_body={"stepsearch": {"selection": "majority"}}
    )
    assert one.choices[0].finish_reason == "stop" and one.choices[0].message.content
    assert one.usage.completion_tokens_details.reasoning_tokens > 0
    assert one.model_extra["stepsearch"]["rule"] == "majority"
    assert "stepsearch/mcts-16" in [model.id for model in client(port).models.list()]


def test_the_openai_client_reads_streams(port: int):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client(port).chat.completions.create(model="stepsearch/beam-4", messages=MESSAGES, seed=0, **options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = client(port).chat.completions.create(model="stepsearch/beam-4", messages=MESSAGES, seed=0)
    assert text == whole.choices[0].message.content and chunks[-1].usage == whole.usage
    leaving = client(port).chat.completions.create(model="stepsearch/mcts-64", messages=MESSAGES, **options)
    next(leaving)
    leaving.close()
    assert client(port).chat.completions.create(model="stepsearch/beam-1", messages=MESSAGES).choices


def test_errors_are_those_of_the_openai_client(port: int):
    for error, options, model in (
        (openai.NotFoundError, {}, "gpt-5"),
        (openai.BadRequestError, {}, "stepsearch/beam-4000"),
        (openai.AuthenticationError, {"api_key": "wrong"}, "stepsearch/beam"),
    ):
        with pytest.raises(error) as told:
            client(port, **options).chat.completions.create(model=model, messages=MESSAGES)
        assert "message" in str(told.value.body)


def test_the_openai_client_comes_back_where_there_is_no_place(port: int):
    codes: list[int] = []

    def one(retries: int) -> None:
        chat = client(port, max_retries=retries).chat.completions
        try:
            chat.create(model="stepsearch/mcts-32", messages=MESSAGES)
            codes.append(200)
        except openai.RateLimitError as error:
            codes.append(429 if int(error.response.headers["retry-after"]) >= 1 else 0)

    threads = [threading.Thread(target=one, args=(retries,)) for retries in (0, 0, 0, 0, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes.count(429) >= 1 and codes.count(200) >= 2 and len(codes) == 5


def test_the_example_of_the_docs_runs(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "serve.md").read_text(), re.DOTALL)
    mine = tmp_path / "mine.py"
    mine.write_text(code.replace(":8000", f":{port}").replace('"none"', '"right"'))
    runpy.run_path(str(mine))
    assert "\\boxed{" in (out := capsys.readouterr().out) and "'solutions': " in out


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed here")
def test_the_curl_command_of_the_docs_runs(port: int):
    (command,) = re.findall(r"^    (curl .*?\}'\n)", (ROOT / "docs" / "serve.md").read_text(), re.DOTALL | re.MULTILINE)
    words = shlex.split(command.replace(":8000", f":{port}"))
    answer = subprocess.run([*words, "-s", "-H", "Authorization: Bearer right"], capture_output=True, check=True)
    assert "\\boxed{" in json.loads(answer.stdout)["choices"][0]["message"]["content"]


# the command


def test_others_are_let_in_with_a_key_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.delenv("STEPSEARCH_API_KEY", raising=False)
    assert run("serve", *TOY, "searchers=beam", "host=0.0.0.0") == 2
    assert "set a key in the environment, STEPSEARCH_API_KEY" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named_before_models_load(port: int, capsys: pytest.CaptureFixture[str]):
    assert run("serve", *TOY, "searchers=beam", f"port={port}") == 2
    assert f"host=127.0.0.1 port={port}: Address already in use" in capsys.readouterr().err


def test_a_searcher_that_does_not_fit_is_named(capsys: pytest.CaptureFixture[str]):
    words = ("policy=toy", "scorer=custom", "scorer.cls=tests.plugins:Ranking", "scorer.args.hated=x")
    assert run("serve", *words, "selection=majority", "searchers=particle_filter") == 2
    assert "searchers: particle_filter does not fit: " in capsys.readouterr().err
    assert run("serve", *TOY, "searchers=beem") == 2
    assert "no such searcher 'beem'" in capsys.readouterr().err


@pytest.mark.slow
def test_sigterm_answers_what_runs_and_ends(tmp_path: Path):
    port = free_port()
    words = ["serve", *SLOW, "policy.args.seconds=0.1", "search.mcts.in_flight=1", "scorer=toy", f"port={port}"]
    process = started(words, tmp_path)
    url, answers = f"http://127.0.0.1:{port}", list[Any]()

    def health() -> int:
        try:
            return urllib.request.urlopen(f"{url}/health", timeout=5).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    while health() != 200:
        assert process.poll() is None
        time.sleep(0.1)
    data = json.dumps(body(model="stepsearch/mcts-20")).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", data, {"Content-Type": "application/json"})
    asking = threading.Thread(target=lambda: answers.append(json.load(urllib.request.urlopen(request, timeout=60))))
    asking.start()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert health() == 503
    asking.join()
    assert answers[0]["stepsearch"]["stopped"] == "done"
    assert process.wait(10) == 0 and "ending once 1 searches are answered" in process.communicate()[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_is_flat_over_two_thousand_requests():
    """Resident memory after 2,000 requests is that after the first 400, within 5 MB."""

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    server, after = served(), list[int]()
    for turn in range(20):
        bodies = [
            body(f"q{turn}-{n}", "stepsearch/mcts-16", seed=n, max_tokens=None if n % 2 else 3, stream=n % 3 == 0)
            for n in range(25)
        ]
        for _ in range(4):
            assert {response.status_code for response in asked(server_of_turn(server), *bodies)} == {200}
        after.append(resident())
    assert after[-1] - after[3] < 5e6, after


def server_of_turn(server: Any) -> Any:
    """The same engines and figures, with places of this event loop's own."""
    fresh = served()
    fresh.metrics = server.metrics
    return fresh
