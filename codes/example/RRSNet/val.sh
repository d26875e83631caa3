#!/bin/sh
# Evaluates RRSNet on its four test sets: sh codes/example/RRSNet/val.sh [key=value ...] [--ref swap]
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh options/rrsnet/val.yml "$@"
