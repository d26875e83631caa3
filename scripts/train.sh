#!/bin/sh
# Trains a network from an option file: sh scripts/train.sh OPTIONS.yml [key=value ...]
# PROCESSES=N starts N processes on this machine; with Slurm or torchrun the launcher decides.
set -eu
refsr_root=$(dirname "$0")/..
. "$refsr_root/scripts/environment.sh"
refsr_command
if [ "${PROCESSES:-1}" -gt 1 ]; then
    exec torchrun --standalone --nproc-per-node "$PROCESSES" -m refsr train "$@"
fi
exec refsr train "$@"
