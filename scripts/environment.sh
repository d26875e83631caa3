# Sourced by the other scripts: refsr_environment EXTRA... makes or completes the environment in REFSR_VENV.
REFSR_VENV=${REFSR_VENV:-.venv}

refsr_environment() {
    if [ ! -x "$REFSR_VENV/bin/python" ]; then
        echo "refsr: making an environment in $REFSR_VENV"
        "${PYTHON:-python3}" -m venv "$REFSR_VENV"
    fi
    extras=$(echo "$*" | tr ' ' ',')
    "$REFSR_VENV/bin/python" -m pip install -q -r requirements.txt ${extras:+-e ".[$extras]"}
}

# Makes `refsr` callable: the one that is on PATH already, else that of REFSR_VENV.
refsr_command() {
    command -v refsr > /dev/null && return
    if [ ! -x "$REFSR_VENV/bin/refsr" ]; then
        refsr_environment
    fi
    PATH="$(cd "$REFSR_VENV" && pwd)/bin:$PATH"
}
