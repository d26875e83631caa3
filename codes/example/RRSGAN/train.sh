#!/bin/sh
# Trains RRSGAN: sh codes/example/RRSGAN/train.sh [key=value ...]
cd "$(dirname "$0")/../../.." && exec sh scripts/train.sh options/rrsgan/train.yml "$@"
