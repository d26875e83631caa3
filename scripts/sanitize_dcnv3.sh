#!/bin/sh
# Builds the DCNv3 operator's CPU part with AddressSanitizer and UndefinedBehaviourSanitizer into a temporary folder and
# runs its contract once under them: sh scripts/sanitize_dcnv3.sh. Needs GCC; takes a few minutes.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
if [ -x "$REFSR_VENV/bin/python" ]; then
    PATH="$(cd "$REFSR_VENV" && pwd)/bin:$PATH"
fi
runtime=$(g++ -print-file-name=libasan.so)
export REFSR_DCNV3_FLAGS=--sanitize CXX=g++
# Python itself leaks by design. Undefined behaviour in torch is ignored; only that of our code ends the run.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LD_PRELOAD="$runtime" python -m pytest -q -p no:cacheprovider tests/ops/test_deformable_v3.py \
    -k "TestDCNv3 and not opcheck and not graphs and not second_copy"
echo "sanitize_dcnv3: the contract ran under AddressSanitizer and UndefinedBehaviourSanitizer without findings"
