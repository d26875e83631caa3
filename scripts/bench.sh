#!/bin/sh
# Trains several systems under one budget, in one table: sh scripts/bench.sh BENCH.yml [key=value ...]
set -eu
. "$(dirname "$0")/environment.sh"
refsr_command
exec refsr bench "$@"
