#!/bin/sh
# Evaluates RRSGAN on its four test sets: sh codes/example/RRSGAN/val.sh [key=value ...] [--ref swap]
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh options/rrsgan/val.yml "$@"
