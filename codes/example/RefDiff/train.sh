#!/bin/sh
# Trains Ref-Diff on SECOND at x8: sh codes/example/RefDiff/train.sh [key=value ...]
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh options/refdiff/second-x8.yml "$@"
