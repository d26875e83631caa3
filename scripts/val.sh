#!/bin/sh
# Measures the data sets of an option file under a named protocol: sh scripts/val.sh OPTIONS.yml [key=value ...]
set -eu
. "$(dirname "$0")/environment.sh"
refsr_command
exec refsr val "$@"
