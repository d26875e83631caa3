#!/bin/sh
# Evaluates RGTGAN on its four test sets: sh codes/example/RGTGAN/val.sh [key=value ...] [--ref swap]
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh options/rgtgan/val.yml "$@"
