"""Servers that are watched: stand-ins that say they are well, end, and must not outlive who watches them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.engines import supervisor
from policies.engines.guard_process import parent_and_start
from policies.engines.models import ModelError
from policies.engines.supervisor import supervise
from policies.engines.vllm_serve import Serve
from tests.command_line import ROOT

WELL = """
import http.server, os, sys
class Health(http.server.BaseHTTPRequestHandler):
    def log_message(self, *of): pass
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(b"")
print(os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LOOK", 0.02)


def stand_in(code: str = WELL, gpus: tuple[int, ...] = (0,), measures: bool = False) -> Serve:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-c", code, str(port)]
    return Serve("tiny", gpus, f"http://127.0.0.1:{port}", {"CUDA_VISIBLE_DEVICES": str(gpus[0])}, words, measures)


def until(looks: Iterator[None], lines: list[str], text: str, count: int = 1) -> None:
    end = time.monotonic() + 20
    while sum(text in line for line in lines) < count:
        next(looks)
        assert time.monotonic() < end, lines


def pids(server: Serve, logs: Path) -> list[int]:
    return [int(line.split()[0]) for line in (logs / f"{server.url.rpartition(':')[2]}.log").read_text().splitlines()]


def test_a_server_that_ends_is_started_anew_and_all_end_with_the_watch(tmp_path: Path):
    servers, lines = [stand_in(), stand_in(gpus=(1,))], list[str]()
    looks = supervise(servers, tmp_path, lines.append)
    try:
        until(looks, lines, "serves tiny", 2)
        (first,) = pids(servers[0], tmp_path)
        assert "1\n" in (tmp_path / f"{servers[1].url.rpartition(':')[2]}.log").read_text()
        os.kill(first, signal.SIGKILL)
        until(looks, lines, "has ended (tiny, exit code -9); it is started anew")
        until(looks, lines, "serves tiny", 3)
        assert len(set(pids(servers[0], tmp_path))) == 2 and len(pids(servers[1], tmp_path)) == 1
    finally:
        looks.close()  # type: ignore[attr-defined]
    assert not any(parent_and_start(pid) for server in servers for pid in pids(server, tmp_path))


@pytest.mark.parametrize(("measures", "together"), [(True, False), (False, True)])
def test_servers_that_measure_one_gpu_start_one_after_the_other(measures: bool, together: bool, tmp_path: Path):
    servers, lines = [stand_in(measures=measures), stand_in(measures=measures)], list[str]()
    looks = supervise(servers, tmp_path, lines.append)
    try:
        next(looks)
        assert sum("starts tiny" in line for line in lines) == 1 + together
        until(looks, lines, "serves tiny", 2)
    finally:
        looks.close()  # type: ignore[attr-defined]


def test_one_that_never_starts_is_an_error_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supervisor, "waits", lambda *_: iter([0.01] * 9))
    broken = stand_in("print('no such GPU'); raise SystemExit(3)")
    with pytest.raises(ModelError, match=r"(?s)tiny does not start at .*: no such GPU.*all of it: "):
        for _ in supervise([broken], tmp_path, lambda line: None):
            pass


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the guard needs /proc")
def test_servers_end_with_a_watch_that_is_killed(tmp_path: Path):
    server = stand_in()
    code = f"""
import sys; from pathlib import Path
from policies.engines.supervisor import supervise; from policies.engines.vllm_serve import Serve
for _ in supervise([Serve(*{tuple(server)!r})], Path({str(tmp_path)!r}), lambda line: print(line, flush=True)): pass
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    watch = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    try:
        with watch.stdout as lines:
            assert any("serves tiny" in line for line in lines)
            (pid,) = pids(server, tmp_path)
    finally:
        watch.kill()
        watch.wait()
    end = time.monotonic() + 8
    while parent_and_start(pid):
        assert time.monotonic() < end
        time.sleep(0.02)
