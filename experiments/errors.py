"""The errors that commands raise, and the test for errors whose message is written for the user."""

import difflib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it
NO_ANSWER = 3  # exit code of a search whose solutions have no answer
OURS = ("search", "policies", "scorers", "experiments")
_FOLDER = Path(__file__).resolve().parents[1]


class ConfigError(ValueError):
    """A choice, a key or a value on the command line is wrong; the message names it and lists the valid ones."""


class RunError(ValueError):
    """A run folder or a file cannot be used; the message names it and says what to do."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError in the block into a RunError that names the file and the reason."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error


def check_output(path: Path) -> None:
    """Raises RunError unless a file can be written at this path: before the work whose result it will hold."""
    if path.is_dir():
        raise RunError(f"{path} is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise RunError(f"{path}: its folder does not exist")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise RunError(f"{path} cannot be written: Permission denied")


def check_installed(what: str, *packages: str) -> None:
    """Raises ConfigError where a package of the extra `serve` is missing, which `what` needs."""
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ConfigError(f"{what} needs {' and '.join(missing)}: pip install 'stepsearch[serve]'")


def is_message(error: BaseException) -> bool:
    """Whether the error's text alone tells a user what to do.

    This holds for the error classes of this project and for a plain ValueError that its code raises. Any other error
    is a defect, in this project or in a plug-in, and needs its traceback.
    """
    if type(error).__module__.partition(".")[0] in OURS:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or type(error) is not ValueError:
        return False
    raised_in = Path(trace.tb_frame.f_code.co_filename).resolve()
    return any(raised_in.is_relative_to(_FOLDER / package) for package in OURS)


def one_of(valid: Iterable[str], wrong: str = "") -> str:
    """The valid names, separated by commas, with a suggestion where one of them is close to the wrong name."""
    names = list(valid)
    near = difflib.get_close_matches(wrong, names, n=1)
    return ", ".join(names) + (f". Did you mean {near[0]}?" if near else "")
