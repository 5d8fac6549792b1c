"""The knobs of every policy and scorer load without a model library."""

import subprocess
import sys


def test_the_classes_of_policies_and_scorers_load_no_model_library():
    code = """
import sys
from experiments.config.registry import GROUPS, load
for group in ("policy", "scorer"):
    for name in GROUPS[group].values():
        load(name) if isinstance(name, str) else name
loaded = {"torch", "transformers", "vllm"} & set(sys.modules)
assert not loaded, loaded
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
