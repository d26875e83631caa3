# Sourced by the other scripts: refsr_environment EXTRA... creates or completes the environment in REFSR_VENV.
# Scripts that do not change to the repository set refsr_root first.
refsr_root=${refsr_root:-.}
REFSR_VENV=${REFSR_VENV:-$refsr_root/.venv}

refsr_environment() {
    if [ ! -x "$REFSR_VENV/bin/python" ]; then
        echo "refsr: creating an environment in $REFSR_VENV"
        "${PYTHON:-python3}" -m venv "$REFSR_VENV"
    fi
    extras=$(echo "$*" | tr ' ' ',')
    python="$(cd "$REFSR_VENV" && pwd)/bin/python"
    (cd "$refsr_root" && "$python" -m pip install -q -r requirements.txt ${extras:+-e ".[$extras]"})
    refsr_operators "$python"
}

# Compiles the operators for the CPU once, in about 20 seconds; where that does not work, plain torch serves.
refsr_operators() {
    "$1" "$refsr_root/codes/ops_dcn_v3/setup.py" --cpu-only --if-needed \
        || echo "refsr: going on with plain torch in place of the compiled operators"
}

# Makes `refsr` callable: the one on PATH, else that of REFSR_VENV.
refsr_command() {
    command -v refsr > /dev/null && return
    if [ ! -x "$REFSR_VENV/bin/refsr" ]; then
        refsr_environment
    fi
    PATH="$(cd "$REFSR_VENV" && pwd)/bin:$PATH"
}
