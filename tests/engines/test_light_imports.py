"""The knobs of every policy and scorer load without a model library."""

import subprocess
import sys


def test_the_classes_of_policies_and_scorers_load_no_model_library():
    code = """
import sys
from experiments.config.registry import GROUPS
assert GROUPS["policy"] and GROUPS["scorer"]
loaded = {"torch", "transformers", "vllm"} & set(sys.modules)
assert not loaded, loaded
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
