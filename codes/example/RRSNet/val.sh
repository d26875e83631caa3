#!/bin/sh
# Measures RRSNet on its validation set: sh codes/example/RRSNet/val.sh [key=value ...] [--ref swap]
cd "$(dirname "$0")/../../.." && exec sh scripts/val.sh options/RRSGAN/RRSNet.yml "$@"
