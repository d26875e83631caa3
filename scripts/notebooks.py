"""Runs the notebooks of docs/notebooks and keeps their outputs in them.

python scripts/notebooks.py            runs each and writes its outputs
python scripts/notebooks.py --check    runs each and exits 1 where it fails or prints something else than is stored

Cells run as plain Python: no Jupyter is needed. Printed text is kept, and what IPython.display shows: images,
and objects with HTML.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import re
import sys
import types
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
NUMBER = re.compile(r"-?\d+\.\d+")
TOLERANCE = 0.05
"""Between processors, rounding moves scores in their last digits."""
LARGEST = 300_000
"""Bytes of a notebook with its outputs."""


class Image:
    """Stands for IPython.display.Image."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def outputs(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """What each code cell puts out, in order; an exception of a cell passes through."""
    shown: list[Any] = []
    display = types.ModuleType("IPython.display")
    display.Image, display.display = Image, shown.append  # type: ignore[attr-defined]
    names: dict[str, Any] = {"__name__": "__notebook__"}
    found = []
    before = {name: sys.modules.get(name) for name in ("IPython", "IPython.display")}
    sys.modules |= {"IPython": types.ModuleType("IPython"), "IPython.display": display}
    try:
        for number, cell in enumerate(code_cells(notebook), 1):
            printed = io.StringIO()
            shown.clear()
            with contextlib.redirect_stdout(printed):
                exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
            found.append(kept(printed.getvalue(), shown))
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    return found


def kept(printed: str, shown: list[Any]) -> list[dict[str, Any]]:
    """Printed text, images and objects with HTML as a notebook stores them."""
    found: list[dict[str, Any]] = []
    if printed:
        found.append({"name": "stdout", "output_type": "stream", "text": printed.splitlines(keepends=True)})
    for one in shown:
        if isinstance(one, Image):
            data = {"image/png": base64.b64encode(one.data).decode(), "text/plain": ["<image>"]}
        else:
            data = {"text/html": [one._repr_html_()], "text/plain": [repr(one)]}
        found.append({"data": data, "metadata": {}, "output_type": "display_data"})
    return found


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def text(stored: list[dict[str, Any]]) -> str:
    """The printed part of a cell's output."""
    return "".join("".join(one["text"]) for one in stored if one["output_type"] == "stream")


def agree(stored: str, printed: str) -> bool:
    """Whether two texts are equal but for the last digits of decimal numbers."""
    if NUMBER.sub("#", stored) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(printed), strict=True)
    return all(abs(float(old) - float(new)) <= TOLERANCE for old, new in pairs)


def problems(notebook: dict[str, Any]) -> list[str]:
    """What differs between the stored outputs and those of a run."""
    found = []
    for number, (cell, new) in enumerate(zip(code_cells(notebook), outputs(notebook), strict=True), 1):
        if not agree(text(cell["outputs"]), text(new)):
            found.append(f"cell {number} prints\n{text(new)}but stored is\n{text(cell['outputs'])}")
        if len(cell["outputs"]) != len(new):
            found.append(f"cell {number} has {len(new)} outputs, stored are {len(cell['outputs'])}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wrong = 0
    for file in sorted(FOLDER.glob("*.ipynb")):
        notebook = json.loads(file.read_text(encoding="utf-8"))
        if check:
            for problem in problems(notebook):
                print(f"{file.name}: {problem}")
                wrong += 1
            continue
        for number, (cell, new) in enumerate(zip(code_cells(notebook), outputs(notebook), strict=True), 1):
            cell["execution_count"], cell["outputs"] = number, new
        written = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if len(written.encode()) > LARGEST:
            raise SystemExit(f"{file.name}: {len(written.encode()):,} bytes with its outputs, at most {LARGEST:,}")
        file.write_text(written, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
