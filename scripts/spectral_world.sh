#!/bin/sh
# Makes the synthetic world that options/specgan/small*.yml train on: 92 places for training, with hyperspectral cubes of 48
# bands on the grid of LR at x16, 4 and 16 held out.
#
#     sh scripts/spectral_world.sh [FOLDER]
#
# It is written to FOLDER (default: dataset/spectral_world) in three minutes on one core.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
refsr world "${1:-dataset/spectral_world}" --places 112 --val 4 --test 16 --size 256 --scale 16 --bands 48 \
    --misregistration 2 --rotation 0.2 --scale-difference 0.2 --sun-shift 0.15 --view-angle 4 --change 0.1
