#!/bin/sh
# Trains RGTGAN: sh codes/example/RGTGAN/train.sh [key=value ...]
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh options/rgtgan/train.yml "$@"
