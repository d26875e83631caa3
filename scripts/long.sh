#!/bin/sh
# Runs the tests that take minutes (pytest -m slow), and fuzz, kills and soak with REFSR_EFFORT=12 times their budget in the
# default suite, and stores each file's result with its date in benchmarks/results/long.json: sh scripts/long.sh [test files].
# All files take hours on two cores; with files only their results are replaced. Other arguments go to pytest, and the
# result is printed only.
# REFSR_VENV names the environment's folder (default .venv), PYTHON the interpreter to create it with.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_environment test
exec "$REFSR_VENV/bin/python" scripts/long_lane.py "$@"
