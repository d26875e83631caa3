#!/bin/sh
# Makes the synthetic places that the bundled weights are trained on. Alignment, colours, rotation, blur and compression of
# the pairs imitate several real data sets, so that the network works on images from elsewhere.
#
#     sh scripts/bundled_world.sh [FOLDER]
#
# Written to FOLDER (default: dataset/bundled_world): five worlds, and links to their images. train, val and test are for the
# first stage of training; second/ is for the second stage, with more aligned references.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
folder=${1:-dataset/bundled_world}
make() {
    name=$1
    shift
    refsr world "$folder/worlds/$name" --size 192 "$@"
}
link() {
    part=$1
    up=$2
    shift 2
    for set in train val test; do
        for kind in HR LR LR_UX4 Ref Ref_DUX4; do
            mkdir -p "$folder/$part$set/$kind"
            for name in "$@"; do
                for file in "$folder/worlds/$name/$set/$kind"/*; do
                    ln -sf "$up/worlds/$name/$set/$kind/${file##*/}" "$folder/$part$set/$kind/$name-${file##*/}"
                done
            done
        done
    done
}
make aligned --places 86 --val 2 --test 4 --seed 11 --misregistration 2 --rotation 0.2 --scale-difference 0.2 \
    --sun-shift 0.15 --view-angle 4 --change 0.1 --softness 0.6
make dates --places 126 --val 2 --test 4 --seed 12 --softness 0.6
make rrssrd --places 126 --val 2 --test 4 --seed 13 --like rrssrd
make kagglesrd --places 126 --val 2 --test 4 --seed 14 --like kagglesrd
make near --places 170 --val 2 --test 8 --seed 15 --misregistration 1 --rotation 0.1 --scale-difference 0.1 \
    --sun-shift 0.4 --view-angle 4 --change 0.15 --softness 0.6
link "" ../.. aligned dates rrssrd kagglesrd
link second/ ../../.. near aligned rrssrd kagglesrd
