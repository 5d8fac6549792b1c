"""vLLM's log: a file that all its processes write, and its last lines for error messages."""

import json
import os
import tempfile
from functools import cache
from pathlib import Path

SETTING = "VLLM_LOGGING_CONFIG_PATH"
_FOLDER = "stepsearch-vllm-"


def is_own_setting(value: str) -> bool:
    """Whether the file that vLLM's setting names is one of `log_to_file`."""
    return _FOLDER in value


def log_to_file() -> None:
    """Sends the log of all vLLM processes to a file, unless the user's environment configures it.

    vLLM reads this setting when it is first imported.
    """
    if SETTING in os.environ or os.environ.get("VLLM_CONFIGURE_LOGGING") == "0":
        return
    config = _log_file().with_suffix(".json")
    handler = {"class": "logging.FileHandler", "filename": str(_log_file()), "formatter": "plain"}
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
        "handlers": {"file": handler},
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    config.write_text(json.dumps(logging), "utf-8")
    os.environ[SETTING] = str(config)


def log_tail(lines: int = 15) -> str:
    """The last lines of vLLM's log, and where the rest is."""
    if not _log_file().exists():
        return f"(its log is where {os.environ.get(SETTING, 'VLLM_CONFIGURE_LOGGING=0')} sends it)"
    return "\n".join([*_log_file().read_text("utf-8", "replace").splitlines()[-lines:], f"(all of it: {_log_file()})"])


@cache
def _log_file() -> Path:
    return Path(tempfile.mkdtemp(prefix=_FOLDER)) / "vllm.log"
