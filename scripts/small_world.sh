#!/bin/sh
# Makes the synthetic world that options/*/small*.yml train on: 80 places for training, 4 and 12 held out.
#
#     sh scripts/small_world.sh [FOLDER [OPTION...]]
#
# It is written to FOLDER (default: dataset/small_world) in a minute on two cores. Options of refsr world change it:
# options/refdiff/small.yml trains on one with more change and aligned pairs, as in SECOND,
#
#     sh scripts/small_world.sh dataset/registered_world --places 80 --change 0.5 --misregistration 0.5 \
#         --rotation 0 --scale-difference 0 --view-angle 2
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
folder=${1:-dataset/small_world}
[ $# -eq 0 ] || shift
refsr world "$folder" --places 96 --val 4 --test 12 --size 192 --misregistration 2 --rotation 0.2 \
    --scale-difference 0.2 --sun-shift 0.15 --view-angle 4 --change 0.1 "$@"
