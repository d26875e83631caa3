#!/bin/sh
# From an empty folder to a report in minutes: makes a small world, packs it, trains a small RRSNet, evaluates it on held-out
# places (also with swapped references), and writes a report.
#
#     sh scripts/quickstart.sh [FOLDER]
#
# Everything is written to FOLDER (default: quickstart). If refsr is not installed, an environment is created (REFSR_VENV).
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
refsr_command
folder=${1:-quickstart}
options=options/quickstart/RRSNet.yml
set -- "path.root=$folder"
for set in train val test; do
    for pair in GT:HR LQ:LR LQ_UX4:LR_UX4 Ref:Ref Ref_DUX4:Ref_DUX4; do
        set -- "$@" "datasets.$set.dataroot_${pair%%:*}=$folder/packed/$set/${pair#*:}.lmdb"
    done
done

began=$(date +%s)
refsr world "$folder/world" --places 40 --val 2 --test 8 --size 192 --misregistration 2 --rotation 0.2 \
    --scale-difference 0.2 --sun-shift 0.15 --view-angle 4 --change 0.1
for set in train val test; do
    refsr pack "$folder/world/$set" "$folder/packed/$set" --kinds HR LR LR_UX4 Ref Ref_DUX4
done
refsr train "$options" --auto-resume "$@"
refsr val "$options" --dataset test --ref swap "$@"
refsr report "$folder/experiments/quickstart_RRSNet"
echo "finished in $(($(date +%s) - began)) seconds: $folder/experiments/quickstart_RRSNet/report.html"
