#!/bin/sh
# What registration is worth in training: makes a world whose references are as misregistered as those of real sets,
# trains small systems with references registered and as they lie, under one budget, evaluates both, and writes a table.
#
#     sh scripts/registered.sh                          # the x4 systems, then Ref-Diff at x8
#     sh scripts/registered.sh x4 --iterations 100      # x4 alone, with a budget; further words go to refsr bench
#
# The world is written to dataset/misregistered_world (REFSR_PLACES places, 96 by default), the tables to
# bench/registered-x4 and bench/registered-x8 (table.md, table.csv, report.html).
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
world=dataset/misregistered_world
refsr world "$world" --places "${REFSR_PLACES:-96}" --val 4 --test 12 --size 256 --scale 4 --seed 0 \
    --misregistration 30 --rotation 6 --scale-difference 25 --view-angle 8 --change 0.15 --sun-shift 0.3
scales="x4 x8"
case ${1:-} in x4 | x8)
    scales=$1
    shift
    ;;
esac
for scale in $scales; do
    # References are registered when they are first read, and found in the world's folder from then on.
    refsr bench "options/bench/registered-$scale.yml" "$@"
done
