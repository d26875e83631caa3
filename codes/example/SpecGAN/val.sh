#!/bin/sh
# Evaluates SpecGAN on test images: sh codes/example/SpecGAN/val.sh [x16|x32] [key=value ...] [--hsi swap]
case "${1:-}" in x16 | x32) which="$1"; shift ;; *) which=x16 ;; esac
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh "options/specgan/val-$which.yml" "$@"
