"""The refsr command as a process: found, run while its lines are read, and ended when the user cancels.

Nothing of QGIS is used here.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import threading

SETTING = "REFSR_COMMAND"
"""The name of the setting, and of the environment variable that is looked at next."""
MISSING = (
    "The command refsr was not found. Install it in a Python environment of its own (pip install -r requirements.txt "
    "in the refsr repository), then name its file in Settings, Options, Processing, Providers, refsr, such as "
    "/home/me/refsr/bin/refsr. With qgis_process, the environment variable REFSR_COMMAND names it."
)
QGIS_OWN = ("PYTHONHOME", "PYTHONPATH", "GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_LIB", "PROJ_DATA")
"""What QGIS sets for its own Python, GDAL and PROJ; refsr's environment has others."""
PROGRESS = re.compile(r"^[^:]+: (?:done: |stopped at )?(\d+)/(\d+)\b")
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 30
"""After which a command that was asked to stop is killed."""
LAST_LINES = 5
"""Lines of a failed command that its error repeats."""


class CommandError(Exception):
    """The command is missing, failed, or was cancelled."""


def find_command(setting: str) -> str:
    """The file of the command: of the setting, else of the environment variable, else in PATH."""
    for named in (setting, os.environ.get(SETTING, "")):
        if named:
            found = shutil.which(named)
            if found is None:
                raise CommandError(f"{named} is no command. {MISSING}")
            return found
    found = shutil.which("refsr")
    if found is None:
        raise CommandError(MISSING)
    return found


def percent(line: str) -> float | None:
    """How much of the work a line of progress says is done; None for other lines."""
    found = PROGRESS.match(line)
    if found is None or int(found[2]) == 0:
        return None
    return 100 * int(found[1]) / int(found[2])


def run_command(words, on_line, on_percent, cancelled) -> None:
    """Runs a command until it ends; gives its lines to `on_line`, its progress to `on_percent`.

    `cancelled` is asked several times a second. A command that is cancelled gets Ctrl-C, so that it can put away what
    it was writing.
    """
    surroundings = {name: value for name, value in os.environ.items() if name not in QGIS_OWN}
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace", env=surroundings, start_new_session=os.name == "posix",
        )  # fmt: skip
    except OSError as error:
        raise CommandError(f"{words[0]}: {error.strerror}") from error
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    last: list[str] = []
    try:
        while (line := _next(lines, cancelled)) is not None:
            last = [*last, line][-LAST_LINES:]
            on_line(line)
            done = percent(line)
            if done is not None:
                on_percent(done)
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        reader.join()
        process.stdout.close()
    if code != 0:
        raise CommandError("\n".join(["refsr failed:", *last]))


def _read(stream, lines) -> None:
    for line in stream:
        lines.put(line.rstrip())
    lines.put(None)


def _next(lines, cancelled) -> str | None:
    """The next line; None at the end."""
    while True:
        if cancelled():
            raise CommandError("cancelled")
        try:
            return lines.get(timeout=SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            continue


def _end(process) -> None:
    if process.poll() is None:
        if os.name == "posix":
            process.send_signal(signal.SIGINT)
        else:
            process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
