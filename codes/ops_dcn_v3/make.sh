#!/bin/sh
# Builds the DCNv3 operator (CPU always, CUDA where nvcc is) and says in one line what was built. Runs from anywhere.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment=${REFSR_VENV:-$here/../../.venv}
if [ -x "$environment/bin/python" ]; then
    python=$environment/bin/python
else
    python=$(command -v python || command -v python3)
fi
exec "$python" "$here/setup.py" "$@"
