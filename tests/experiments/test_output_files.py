"""Files that are written whole or not at all, and a standard output that is closed or full."""

import errno
import io
import os
from pathlib import Path

import pytest

from experiments.errors import RunError
from experiments.reports.tables import write_rows
from experiments.runs.atomic import atomic_file, write_whole
from tests.command_line import run, started
from tests.experiments.test_full_disk import largest_file


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path):
    path = tmp_path / "summary.csv"
    write_rows(path, ["n", "name"], [[1, None]])
    assert path.read_bytes() == b"n,name\r\n1,\r\n"
    with largest_file(1000), pytest.raises(RunError, match=r"summary\.csv cannot be written: File too large"):
        write_rows(path, ["n"], [[n] for n in range(1000)])
    assert path.read_bytes() == b"n,name\r\n1,\r\n" and list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_its_target_is_written(tmp_path: Path):
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", "first")
    write_whole(tmp_path / "link", "second")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "second"


def test_a_device_or_pipe_is_written_and_not_replaced(tmp_path: Path):
    """As in `report out=/dev/null`, which root may replace."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_file(pipe) as file:
        file.write(b"whole")
    assert os.read(reader, 100) == b"whole" and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
    os.close(reader)


def test_a_file_in_a_folder_that_takes_no_other_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "tree.json"
    path.touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(Path, "replace", lambda *_: pytest.fail("the file was replaced"))
    write_whole(path, "whole")
    assert path.read_text() == "whole"


class Full(io.StringIO):
    """A text stream that fails at its flush, as a buffered file on a full disk does."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_standard_output_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stdout", Full())
    monkeypatch.setattr("os.dup2", lambda *_: None)
    assert run("--version") == 2
    assert capsys.readouterr().err == "stepsearch: standard output cannot be written: No space left on device\n"


def test_a_closed_standard_output_is_no_error(tmp_path: Path):
    process = started(["--version"], tmp_path, preexec_fn=lambda: os.close(1))
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
