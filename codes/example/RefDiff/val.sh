#!/bin/sh
# Evaluates Ref-Diff at x8 on SECOND and CNAM-CD: sh codes/example/RefDiff/val.sh [key=value ...] [--dataset test_second]
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh options/refdiff/val-x8.yml "$@"
