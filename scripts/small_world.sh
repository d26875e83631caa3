#!/bin/sh
# The synthetic world that the files options/*/small*.yml learn on: 80 places for training, 4 and 12 held out.
#
#     sh scripts/small_world.sh [FOLDER]
#
# FOLDER (default: dataset/small_world) takes it; it takes a minute on two cores.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
refsr world "${1:-dataset/small_world}" --places 96 --val 4 --test 12 --size 192 --misregistration 2 --rotation 0.2 \
    --scale-difference 0.2 --sun-shift 0.15 --view-angle 4 --change 0.1
