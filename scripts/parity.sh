#!/bin/sh
# Runs parity cases against numbers of the published code: sh scripts/parity.sh CASE...
# CASE is the folder of a case or of several (default: tests/parity). REFSR_VENV names the environment (default .venv).
set -eu
refsr_root=$(cd "$(dirname "$0")/.." && pwd)
. "$refsr_root/scripts/environment.sh"
[ -x "$REFSR_VENV/bin/python" ] || refsr_environment
[ $# -gt 0 ] || set -- "$refsr_root/tests/parity"
# The code beside this script, whatever else is installed.
PYTHONPATH="$refsr_root/tests/parity:$refsr_root/codes${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
exec "$REFSR_VENV/bin/python" -m harness.command "$@"
