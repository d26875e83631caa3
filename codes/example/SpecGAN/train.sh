#!/bin/sh
# Trains SpecGAN: sh codes/example/SpecGAN/train.sh [FILE] [key=value ...], FILE of options/specgan such as bank, train-x32,
# published-x16, small-bank or small-x16; train-x16 by default
case "${1:-}" in *=* | -* | "") which=train-x16 ;; *) which="$1"; shift ;; esac
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh "options/specgan/$which.yml" "$@"
