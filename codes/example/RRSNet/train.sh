#!/bin/sh
# Trains RRSNet: sh codes/example/RRSNet/train.sh [key=value ...]
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh options/rrsnet/train.yml "$@"
