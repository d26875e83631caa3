#!/bin/sh
# Trains TSFNet: sh codes/example/TSFNet/train.sh [SET-xSCALE] [key=value ...], such as nwpu-x4; ucmerced-x8 by default
case "${1:-}" in *-x[0-9]*) which="$1"; shift ;; *) which=ucmerced-x8 ;; esac
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh "options/tsfnet/$which.yml" "$@"
