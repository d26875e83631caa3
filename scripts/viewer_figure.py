"""Makes figures/viewer.png: the viewer with its example, a part of it restored.

python scripts/viewer_figure.py (needs chromium and the extra view)
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from refsr.view.server import served
from refsr.view.state import State

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))
from browser import Browser, chromium, find_chromium  # noqa: E402  # the tests' client

FIGURE = REPOSITORY / "figures" / "viewer.png"
WINDOW, WIDTH = (1400, 900), 1000
DRAWN = """
const options = document.getElementById('how').elements;
options.model.value = '%s';
document.getElementById('how').requestSubmit();
"""
OPACITY = """
document.getElementById('opacity').value = 40;
document.getElementById('opacity').dispatchEvent(new Event('input'));
"""


def wait(browser: Browser, script: str) -> None:
    while not browser.run(script):
        time.sleep(0.2)


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "refsr-x4"
    program = find_chromium()
    if program is None:
        raise SystemExit("no Chromium here")
    with State() as state, tempfile.TemporaryDirectory() as folder:
        state.show_example()
        with served(state) as access, chromium(program, Path(folder)) as browser:
            browser.size(*WINDOW)
            browser.prefer("light")
            browser.visit(access.address)
            wait(browser, "document.documentElement?.dataset.ready === 'yes'")
            browser.run(DRAWN % model)
            wait(browser, "document.querySelectorAll('#results > li').length > 0")
            button = "[...document.querySelectorAll('#results button')].find(one => one.textContent === 'borrowed')"
            browser.run(f"{button}.click()")
            browser.run(OPACITY)
            browser.run("document.getElementById('results').scrollIntoView({block: 'end'})")
            time.sleep(5)
            taken = cv2.imdecode(np.frombuffer(browser.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(taken, (WIDTH, WINDOW[1] * WIDTH // WINDOW[0]), interpolation=cv2.INTER_AREA)
    # Without the lowest bits the file is smaller.
    cv2.imwrite(str(FIGURE), small & 0xF8, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
