"""The house keeps its own rules: every module imports without extras, rooms have READMEs, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "codes" / "refsr"
ROOMS = [
    *("benchmarks", "codes", "codes/example", "codes/ops_dcn_v3", "dataset", "docs", "figures", "options", "scripts"),
    *("tests", "tests/parity"),
    *sorted(init.parent.relative_to(REPOSITORY).as_posix() for init in PACKAGE.glob("*/__init__.py")),
    *sorted(script.parent.relative_to(REPOSITORY).as_posix() for script in REPOSITORY.glob("codes/example/*/train.sh")),
]
MODULES = sorted(
    ".".join(["refsr", *file.relative_to(PACKAGE).with_suffix("").parts])
    for file in PACKAGE.rglob("*.py")
    if file.name not in ("__init__.py", "__main__.py")
)

NEWER = {
    "typing": {"Self", "Never", "LiteralString", "Required", "NotRequired", "Unpack", "assert_never", "override"},
    "enum": {"StrEnum", "ReprEnum", "verify"},
    "datetime": {"UTC"},
    "contextlib": {"chdir"},
    "itertools": {"batched"},
}
"""Names that the lowest supported version, Python 3.10, does not have."""

# A torchvision beside a torch that it was not built for raises RuntimeError, not ImportError.
IMPORT_ALL = """
import importlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        if name.split(".")[0] in ("rasterio", "PIL", "matplotlib"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_every_module_imports_with_torch_alone():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *MODULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_readme(room):
    assert (REPOSITORY / room / "README.md").is_file()


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_files_have_one_idea(file):
    assert len(file.read_text().splitlines()) <= 400
    assert file.name != "utils.py"
    assert file.read_text().startswith('"""')


def test_nothing_needs_a_newer_python_than_the_lowest() -> None:
    found = [
        f"{file.relative_to(REPOSITORY)}: {node.module}.{name.name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 10)))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.name in NEWER.get(node.module or "", ()) or node.module in ("tomllib", "wsgiref.types")
    ]
    assert found == []
