#!/bin/sh
# Trains several systems with one budget and compares them in one table: sh scripts/bench.sh BENCH.yml [key=value ...]
set -eu
refsr_root=$(dirname "$0")/..
. "$refsr_root/scripts/environment.sh"
refsr_command
exec refsr bench "$@"
