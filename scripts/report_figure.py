"""Makes figures/report.png: the top of a report.

python scripts/report_figure.py REPORT.html (needs chromium)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from refsr.data.images import read_image, write_image

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "report.png"
WINDOW, WIDTH = (1180, 1500), 820


def main() -> None:
    page = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        taken = Path(folder) / "page.png"
        flags = ("--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=5000")
        size = "--window-size={},{}".format(*WINDOW)
        subprocess.run(["chromium", *flags, size, f"--screenshot={taken}", page.as_uri()], check=True)
        picture = read_image(taken)[..., :3]
    small = cv2.resize(picture, (WIDTH, WINDOW[1] * WIDTH // WINDOW[0]), interpolation=cv2.INTER_AREA)
    # Without the lowest bits the file is smaller.
    write_image(FIGURE, small & 0xFC)
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
