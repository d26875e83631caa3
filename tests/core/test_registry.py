"""Built-in names, and those of one's own: from Python, by an imported module, by an installed package."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from refsr.core import registry
from refsr.core.errors import RefsrError, UsageError
from refsr.core.registry import NAMES, canonical, names, register, register_network, resolve, source
from refsr.core.user_modules import import_module

MODULE = """
from refsr.core.registry import register_network

class GateNet:
    def __init__(self, width: int = 8) -> None:
        self.width = width

register_network("GateNet", GateNet)
"""


@pytest.fixture
def folder(own_names: Path) -> Path:
    return own_names


@pytest.fixture(autouse=True)
def _forget(own_names: Path) -> None:
    """Each test begins and ends with the built-in names."""


BUILT_IN = [(kind, name) for kind, places in NAMES.items() for name, place in places.items() if isinstance(place, str)]
"""Without what other test modules have registered by now."""


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_every_name_resolves(kind, name):
    assert resolve(kind, name) is not None
    assert source(kind, name) == ""


def test_a_slip_is_answered_with_the_nearest_name():
    with pytest.raises(UsageError, match="did you mean 'RRSNet'"):
        resolve("network", "RSRNet")


def test_a_second_spelling_stands_for_the_first():
    assert canonical("network", "RGTNet_arch") == canonical("network", "RGTNet") == "RGTNet"
    assert resolve("task", "RRSNet_model") is resolve("task", "regression")
    spellings = [place for table in NAMES.values() for place in table.values() if isinstance(place, str)]
    assert all(":" in place or any(place in table for table in NAMES.values()) for place in spellings)


def test_listing_names_imports_nothing_heavy():
    script = (
        "import sys\nfrom refsr.core.registry import NAMES, names\n"
        "print([len(names(kind)) for kind in NAMES], {'torch', 'cv2', 'scipy', 'rasterio'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip().endswith("set()")


def test_a_name_is_registered_in_python():
    register_network("Ordered", "collections:OrderedDict")
    assert resolve("network", "Ordered").__name__ == "OrderedDict"
    assert names("network")[-1] == "Ordered"
    assert source("network", "Ordered") == "register_network('Ordered', 'collections:OrderedDict')"


def test_an_object_may_be_registered_and_a_notebook_may_do_it_twice():
    for _ in range(2):

        class Net:
            pass

        register_network("Net", Net)
    assert resolve("network", "Net") is Net


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("RRSNet", "my_module:Net", "'RRSNet' is registered already, as refsr.networks.rrsnet:RRSNet"),
        ("Net", "my_module", "'my_module' is not of the form module:attribute"),
    ],
)
def test_what_cannot_be_registered_is_told(name, target, words):
    with pytest.raises(UsageError, match=words):
        register_network(name, target)


def test_a_target_that_is_not_there_is_told_when_it_is_used():
    register_network("Net", "collections:OrderdDict")
    with pytest.raises(RefsrError, match="collections has no 'OrderdDict'; did you mean 'OrderedDict'"):
        resolve("network", "Net")
    register_network("Other", "no_such_module:Net")
    with pytest.raises(RefsrError, match=r"network 'Other' \(.*\): no module 'no_such_module' is installed"):
        resolve("network", "Other")


def test_kinds_are_known():
    with pytest.raises(UsageError, match="no names of kind 'netwrk'; did you mean 'network'"):
        register("netwrk", "Net", "a:b")


def test_a_module_of_the_working_folder_registers(folder):
    (folder / "gate.py").write_text(MODULE)
    before = list(sys.path)
    assert import_module("gate") == str(folder / "gate.py")
    assert sys.path == before
    assert resolve("network", "GateNet")().width == 8
    assert source("network", "GateNet") == "--import gate"
    # A second time is no mistake, by either spelling.
    assert import_module("gate.py") == import_module("gate")


def test_a_file_beside_another_registers_and_imports_what_lies_beside_it(folder, tmp_path):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "gate.py").write_text(f"import gate_parts\n{MODULE}")
    (tmp_path / "nets" / "gate_parts.py").write_text("")
    (tmp_path / "nets" / "gate_late.py").write_text("class Late: ...")
    assert import_module("gate.py", beside=tmp_path / "nets") == str(tmp_path / "nets" / "gate.py")
    register_network("Late", "gate_late:Late")
    assert resolve("network", "Late").__name__ == "Late"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("\nwidth = wdth", r"gate cannot be imported: NameError: name 'wdth' is not defined \(.*/gate\.py:2\)"),
        ("def f(:\n", r"gate cannot be imported: SyntaxError: .*\(.*/gate\.py:1\)"),
        ("import no_such_thing", r"gate cannot be imported: ModuleNotFoundError: .*no_such_thing.*/gate\.py:1\)"),
        ("raise SystemExit(3)", r"gate cannot be imported: SystemExit: 3 \(.*/gate\.py:1\)"),
        (MODULE.replace('"GateNet"', '"RRSNet"'), r"'RRSNet' is registered already, as .*/gate\.py:8\)"),
    ],
)
@pytest.mark.parametrize("word", ["gate", "gate.py"])
def test_a_module_that_fails_is_one_line_with_its_file(folder, content, words, word):
    (folder / "gate.py").write_text(content)
    with pytest.raises(RefsrError, match=words.replace("gate cannot", f"{word} cannot")) as caught:
        import_module(word)
    assert "\n" not in str(caught.value)


def test_a_module_that_is_nowhere_is_told_with_the_nearest(folder):
    (folder / "gate.py").write_text(MODULE)
    with pytest.raises(RefsrError, match=rf"no module 'gaet' is installed, and none in {folder}; did you mean 'gate'"):
        import_module("gaet")
    with pytest.raises(RefsrError, match=rf"no file 'nets/gate\.py' in {folder}"):
        import_module("nets/gate.py")


def test_two_files_of_one_name_are_told(folder):
    (folder / "a").mkdir()
    for file in (folder / "gate.py", folder / "a" / "gate.py"):
        file.write_text("")
    import_module("gate.py")
    with pytest.raises(RefsrError, match="a module 'gate' is loaded already"):
        import_module("a/gate.py")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with these entry points."""

    def install(text: str) -> None:
        information = tmp_path / "site" / "gatenet-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: gatenet\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(text)
        (tmp_path / "site" / "gatenet.py").write_text("class GateNet: ...")
        monkeypatch.syspath_prepend(tmp_path / "site")
        registry._add_installed.cache_clear()

    yield install
    monkeypatch.undo()
    registry._add_installed.cache_clear()


def test_an_installed_package_brings_names(package):
    package("[refsr.networks]\nGateNet = gatenet:GateNet\n[refsr.tasks]\ngated = gatenet:Task\n")
    assert "GateNet" in names("network")
    assert "gatenet" not in sys.modules
    assert resolve("network", "GateNet").__name__ == "GateNet"
    assert source("network", "GateNet") == "package gatenet"
    with pytest.raises(RefsrError, match=r"task 'gated' \(package gatenet\): gatenet has no 'Task'"):
        resolve("task", "gated")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("GateNet = gatenet", "package gatenet: its network 'GateNet' is left out: 'gatenet' is not of the form"),
        (
            "RRSNet = gatenet:GateNet",
            "package gatenet: its network 'RRSNet' is left out: the name is registered already",
        ),
    ],
)
def test_a_wrong_entry_point_is_one_line_that_names_the_package(package, caplog, line, words):
    package(f"[refsr.networks]\n{line}\n")
    with caplog.at_level(logging.WARNING):
        assert resolve("network", "RRSNet").__module__ == "refsr.networks.rrsnet"
    assert words in caplog.text
    assert len(caplog.records) == 1


def test_a_package_that_cannot_be_imported_is_one_line_that_names_it(package):
    package("[refsr.networks]\nGateNet = gatenet_missing:GateNet\n")
    with pytest.raises(RefsrError, match=r"network 'GateNet' \(package gatenet\): no module 'gatenet_missing'"):
        resolve("network", "GateNet")
