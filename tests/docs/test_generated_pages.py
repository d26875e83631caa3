"""What is generated is what its generator makes now."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest
from pages import REPOSITORY

from refsr.cli.main import COMMANDS


@pytest.mark.parametrize("script", ["command_page.py", "network_drawings.py"])
def test_it_is_not_stale(script):
    called = [sys.executable, str(REPOSITORY / "scripts" / script), "--check"]
    told = subprocess.run(called, capture_output=True, text=True, check=False)
    assert told.returncode == 0, f"{told.stdout}{told.stderr}python scripts/{script} writes it"


def test_the_page_has_every_command():
    page = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")
    assert all(f"\n## refsr {name}\n" in page for name in COMMANDS)


def test_drawings_are_sound_and_keep_their_text_inside():
    """Letters of 13 pixels are at most 8 wide on the mean; boxes hold their lines and lie in the drawing."""
    drawings = sorted((REPOSITORY / "docs" / "figures").glob("*.svg"))
    assert len(drawings) >= 5
    for file in drawings:
        root = ElementTree.parse(file).getroot()
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for box in (one for one in root if one.tag.endswith("rect")):
            x, y, across, down = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + across <= width, file.name
            assert 0 <= y <= y + down <= height, file.name
        for text in (one for one in root if one.tag.endswith("text")):
            x, long = float(text.attrib["x"]), 6.6 * len(text.text or "")
            assert x + (long if "left" in text.get("class", "") else long / 2) <= width + 12, (file.name, text.text)
