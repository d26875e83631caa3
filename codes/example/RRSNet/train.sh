#!/bin/sh
# Trains RRSNet with the published settings: sh codes/example/RRSNet/train.sh [key=value ...]
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh options/RRSGAN/RRSNet.yml "$@"
