"""The process in which `search.answers.extraction.Regex` matches: a pattern that backtracks for ever hangs there.

It answers a list of one text, a line of JSON, with ["value", the last match or null], until its stdin ends. The first
line is "ready". It imports nothing of ours.
"""

import json
import re
import signal
import sys


def main(pattern: str, seconds: float) -> None:
    """Answers with the first group of the last match, or all of it where the pattern has no group."""
    matches = re.compile(pattern, re.MULTILINE).finditer
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        _limit_time(seconds)
        match = None
        for match in matches(json.loads(line)[0]):  # noqa: B007 # the last one
            pass
        answer = None if match is None else (match[1] if match.re.groups else match[0])
        _limit_time(0)
        print(json.dumps(["value", answer]), flush=True)


def _limit_time(seconds: float) -> None:
    """Ends this process once it has computed for so many seconds, on a busy machine too; 0 takes it back."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), float(sys.argv[2]))
