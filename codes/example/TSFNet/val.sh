#!/bin/sh
# Evaluates TSFNet on the test images of all three sets: sh codes/example/TSFNet/val.sh [x4|x8|x16] [key=value ...]
case "${1:-}" in x4 | x8 | x16) which="$1"; shift ;; *) which=x8 ;; esac
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh "options/tsfnet/val-$which.yml" "$@"
