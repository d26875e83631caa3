#!/bin/sh
# Runs the tests that take minutes (pytest -m slow), and fuzz, kills and soak with REFSR_EFFORT=12 times their budget in the
# default suite, and stores their result with its date: sh scripts/long.sh [pytest arguments]
# REFSR_VENV names the environment's folder (default .venv), PYTHON the interpreter to create it with. Without
# arguments all slow tests run and the result goes to benchmarks/results/long.json; with arguments it is printed only.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_environment test
exec "$REFSR_VENV/bin/python" scripts/long_lane.py "$@"
