#!/bin/sh
# Builds the CPU part of DCNv2 and DCNv3 with AddressSanitizer and UndefinedBehaviourSanitizer into a temporary folder and
# runs their contracts once under them: sh scripts/sanitize_dcnv3.sh. Needs GCC; takes a few minutes.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
if [ -x "$REFSR_VENV/bin/python" ]; then
    PATH="$(cd "$REFSR_VENV" && pwd)/bin:$PATH"
fi
# The C++ library beside the sanitizer's: else exceptions of libraries that are loaded later are not found.
runtime="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
export REFSR_DCNV3_FLAGS=--sanitize CXX=g++
# A build without them that is installed is left aside.
REFSR_OPERATORS=$(mktemp -d)
export REFSR_OPERATORS
# Python itself leaks by design. Undefined behaviour in torch is ignored; only that of our code ends the run.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LD_PRELOAD="$runtime" python -m pytest -q -p no:cacheprovider tests/ops/test_deformable_v2.py \
    tests/ops/test_deformable_v3.py \
    -k "(TestDCNv3 or (TestDCNv2 and not published)) and not opcheck and not graphs and not second_copy"
echo "sanitize_dcnv3: the contract ran under AddressSanitizer and UndefinedBehaviourSanitizer without findings"
