import signal
import subprocess
import sys
import time

import pytest

from refsr.cli.main import COMMANDS, main


def test_help_lists_every_command_and_loads_nothing_heavy(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    script = "import sys; from refsr.cli.main import main; main(['--help']); print({'torch', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("set()")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert name in capsys.readouterr().out


def test_a_mistyped_command_is_one_line_with_the_right_one(capsys):
    assert main(["parityy"]) == 2
    assert (
        capsys.readouterr().err
        == "refsr: 'parityy' is not a command; did you mean 'parity'? (refsr --help lists them)\n"
    )


def test_help_is_quick():
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "refsr", "--help"], capture_output=True, check=True)
    assert time.perf_counter() - started < 3


def test_an_impatient_person_may_press_ctrl_c_twice(tmp_path):
    """A second interrupt in the middle of stopping workers once left them waiting for ever."""
    command = [sys.executable, "-m", "refsr", "world", str(tmp_path / "w"), "--places", "40", "--size", "128"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "w" / "train").is_dir() and process.poll() is None:
        time.sleep(0.02)
    for pause in (0.0, 0.001, 0.2):
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read().strip().endswith("refsr: stopped")
