"""What bash, zsh and fish complete with the scripts of `refsr completion`, asked of the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refsr.cli.main import COMMANDS, main
from refsr.core.registry import list_models

BASH = """\
source ./script
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_shtab_refsr 2> /dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "source ./script; complete --do-complete {line}"
ZSH_PROMPT = "ready-to-go> "
ZSHRC = f"""\
PROMPT='{ZSH_PROMPT}'
unsetopt zle_bracketed_paste
setopt no_auto_menu no_always_last_prompt
fpath=($HOME $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' verbose no
LISTMAX=10000
bindkey '^I' list-choices
"""


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, tmp_path, capsys):
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here")
    assert main(["completion", request.param]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "mine.yml").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "refsr").write_text("#!/bin/sh\n")
    (tmp_path / "refsr").chmod(0o755)
    return request.param


def completed(shell: str, folder: Path, words: list[str]) -> set[str]:
    """The candidates for the last word."""
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb"}
    if shell == "zsh":
        return completed_by_zsh(folder, words, environment)
    typed = " ".join(["refsr", *words])
    quoted = " ".join(f"'{word}'" for word in ["refsr", *words])
    script = BASH.format(words=quoted) if shell == "bash" else FISH.format(line=f"'{typed}'")
    done = subprocess.run(
        [shell, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return {line.split("\t")[0].rstrip("/") for line in done.stdout.splitlines() if line}


def completed_by_zsh(folder: Path, words: list[str], environment: dict[str, str]) -> set[str]:
    """zsh completes only on a terminal: one is made, and Tab is pressed in it with all candidates listed."""
    (folder / ".zshrc").write_text(ZSHRC)
    shutil.copy(folder / "script", folder / "_refsr")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-d", "-i"], environment | {"COLUMNS": "60", "LINES": "400"})
    try:
        until(terminal, ZSH_PROMPT)
        os.write(terminal, " ".join(["refsr", *words]).encode() + b"\t")
        # The prompt comes again below the list.
        shown = until(terminal, ZSH_PROMPT)
        return set(re.findall(r"[^\s/]+", shown))
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def until(terminal: int, mark: str) -> str:
    """What a terminal shows up to a mark."""
    shown, deadline = "", time.monotonic() + 60
    while mark not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"no {mark!r} in {shown!r}"
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.parametrize(
    ("words", "offered", "not_offered"),
    [
        ([""], set(COMMANDS), {"mine.yml"}),
        (["re"], {"restore", "register", "report"}, {"train"}),
        (["options", ""], {"check", "show", "schema"}, {"train"}),
        (["restore", "--ref"], {"--ref", "--ref-strength"}, {"--lr"}),
        (["restore", "--device", ""], {"cpu", "cuda"}, set()),
        (["restore", "--consistent", ""], {"off", "soft", "hard"}, set()),
        (["restore", "--model", ""], {*list_models(), "notes.txt"}, set()),
        (["export", "--onnx", "rrs"], {"rrsnet-small-x4"}, {"refsr-x4", "refsr-x4-fast"}),
        (["view", "--model", ""], {*list_models()}, {"restore"}),
        (["info", "refsr-x4"], {"refsr-x4", "refsr-x4-fast"}, {"rrsnet-small-x4"}),
        (["restore", "--lr", ""], {"notes.txt", "mine.yml"}, set()),
        (["train", ""], {"mine.yml", "folder"}, {"notes.txt"}),
        (["options", "check", ""], {"mine.yml"}, {"notes.txt"}),
    ],
)
def test_it_completes(shell, tmp_path, words, offered, not_offered):
    found = completed(shell, tmp_path, words)
    assert offered <= found
    assert not found & not_offered


def test_an_unknown_shell_is_one_line(capsys):
    assert main(["completion", "csh"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_printing_imports_no_torch():
    code = "import sys; from refsr.cli.main import main; main(['completion', 'fish']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
