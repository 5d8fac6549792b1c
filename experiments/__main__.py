"""python -m experiments COMMAND [key=value ...], also `stepsearch`."""

import sys

from experiments.cli import main

sys.exit(main())
