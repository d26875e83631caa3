#!/bin/sh
# Evaluates weights on the data sets of an option file under named protocols: sh scripts/val.sh OPTIONS.yml [key=value ...]
set -eu
refsr_root=$(dirname "$0")/..
. "$refsr_root/scripts/environment.sh"
refsr_command
exec refsr val "$@"
