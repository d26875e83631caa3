# Sourced by the other scripts: refsr_environment EXTRA... makes or completes the environment in REFSR_VENV.
# Those that stay in the folder they are called from say beforehand where the repository is.
refsr_root=${refsr_root:-.}
REFSR_VENV=${REFSR_VENV:-$refsr_root/.venv}

refsr_environment() {
    if [ ! -x "$REFSR_VENV/bin/python" ]; then
        echo "refsr: making an environment in $REFSR_VENV"
        "${PYTHON:-python3}" -m venv "$REFSR_VENV"
    fi
    extras=$(echo "$*" | tr ' ' ',')
    python="$(cd "$REFSR_VENV" && pwd)/bin/python"
    (cd "$refsr_root" && "$python" -m pip install -q -r requirements.txt ${extras:+-e ".[$extras]"})
}

# Makes `refsr` callable: the one that is on PATH already, else that of REFSR_VENV.
refsr_command() {
    command -v refsr > /dev/null && return
    if [ ! -x "$REFSR_VENV/bin/refsr" ]; then
        refsr_environment
    fi
    PATH="$(cd "$REFSR_VENV" && pwd)/bin:$PATH"
}
