"""The process that a grader or an extraction of the user's own runs in: it raises and hangs there, not here.

It answers the arguments of one call of a method, a line of JSON, with ["value", result] or ["error", message], until
its stdin ends. The first line is "ready", or ["error", message] where the object cannot be made.
"""

import json
import os
import sys
from importlib import import_module
from typing import Any


def main(cls: str, method: str, arguments: str) -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what it prints must not reach the replies
    module, _, name = cls.partition(":")
    call = getattr(getattr(import_module(module), name)(**json.loads(arguments)), method)
    print(json.dumps("ready"), file=replies, flush=True)
    for line in sys.stdin:
        print(_reply(call, json.loads(line)), file=replies, flush=True)


def _reply(call: Any, answers: list[str]) -> str:
    try:
        return json.dumps(["value", call(*answers)])
    except Exception as error:
        return json.dumps(["error", f"{type(error).__name__}: {error}"])


if __name__ == "__main__":
    main(*sys.argv[1:])
