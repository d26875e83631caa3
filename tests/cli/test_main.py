import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
    assert main(["reportt"]) == 2
    assert (
        capsys.readouterr().err
        == "refsr: 'reportt' is not a command; did you mean 'report'? (refsr --help lists them)\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--refs", "b.tif"], "there is no option --refs; did you mean '--ref'?"),
        (["--registr=none"], "there is no option --registr; did you mean '--register'?"),
        (["--zzz"], "there is no option --zzz"),
        (["--ref", "b.tif", "c.tif"], "'c.tif' is one argument too many; repeat --ref for each value"),
        (["--tile", "64", "c.tif"], "'c.tif' is one argument too many"),
    ],
)
def test_a_mistyped_option_is_one_line_with_the_right_one(words, line, capsys):
    assert main(["restore", "--lr", "a.tif", "-o", "sharp.tif", *words]) == 2
    assert capsys.readouterr().err == f"refsr: refsr restore: {line} (see refsr restore --help)\n"


def test_torch_prints_no_counts_of_its_own():
    """Ctrl-C while torch was being imported once printed how often its cache was hit."""
    script = "import logging; from refsr.cli.main import main; main(['-V']); logging.getLogger('torch.x').info('1')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["--help"], ["world", "--help"]])
@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_cannot_go_out_is_no_second_complaint(words, buffered):
    """Python keeps output back until the end, where a reader that went away once made it complain past all handlers."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if not buffered:
        surroundings["PYTHONUNBUFFERED"] = "1"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "refsr", *words]
    gone = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=surroundings, check=False)
    os.close(writer)
    assert gone.stderr == ""
    assert gone.returncode in (0, 141)  # argparse takes a failed write of help for a success


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="wants a device that is always full")
def test_a_full_disk_is_one_line():
    command = [sys.executable, "-m", "refsr", "--help"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "refsr: No space left on device\n")


def test_what_the_system_refuses_is_told_in_its_own_words(monkeypatch, capsys):
    def refused(words):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "aaa.png")

    monkeypatch.setattr("refsr.cli.main._dispatch", refused)
    assert main(["restore"]) == 1
    assert capsys.readouterr().err == "refsr: aaa.png: File name too long\n"


def test_an_internal_error_is_one_line_and_exits_with_70(monkeypatch, capsys):
    def broken(words):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("refsr.cli.main._dispatch", broken)
    monkeypatch.delenv("REFSR_TRACEBACK", raising=False)
    assert main(["val"]) == 70
    told = capsys.readouterr().err
    assert told.startswith("refsr: internal error, please report it: ZeroDivisionError: a bug (REFSR_TRACEBACK=1")
    assert told.count("\n") == 1
    monkeypatch.setenv("REFSR_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["val"])


def test_help_is_quick():
    """It imports none of the libraries that take seconds to import."""
    script = "import sys\nfrom refsr.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    script += "print(sorted({'torch', 'cv2', 'rasterio', 'scipy', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_impatient_person_may_press_ctrl_c_twice(tmp_path):
    """A second interrupt in the middle of stopping workers once left them waiting for ever."""
    command = [sys.executable, "-m", "refsr", "world", str(tmp_path / "w"), "--places", "40", "--size", "128"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "w" / "train").is_dir() and process.poll() is None:
        time.sleep(0.02)
    for pause in (0.0, 0.001, 0.2):
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=600) == 130
    assert process.stderr.read().strip().endswith("refsr: stopped")
