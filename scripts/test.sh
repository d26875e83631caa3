#!/bin/sh
# Creates an environment and runs the tests: sh scripts/test.sh [pytest arguments]
# REFSR_VENV names the environment's folder (default .venv), PYTHON the interpreter to create it with.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_environment test
exec "$REFSR_VENV/bin/python" -m pytest -n 2 "$@"
