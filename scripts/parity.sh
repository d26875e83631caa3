#!/bin/sh
# Runs parity cases against published numbers: sh scripts/parity.sh CASE...
# CASE is a case's folder, or a folder of such (default: tests/parity). REFSR_VENV names the environment (default .venv).
set -eu
refsr_root=$(cd "$(dirname "$0")/.." && pwd)
. "$refsr_root/scripts/environment.sh"
[ -x "$REFSR_VENV/bin/python" ] || refsr_environment
[ $# -gt 0 ] || set -- "$refsr_root/tests/parity"
# The code beside this script, whatever else is installed.
PYTHONPATH="$refsr_root/tests/parity:$refsr_root/codes${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
exec "$REFSR_VENV/bin/python" -m harness.command "$@"
