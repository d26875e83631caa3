"""The viewer on a scene of 6000 pixels of LR a side: seconds to its first tiles, while panning, and for a rectangle.

python benchmarks/viewer.py [--side N] [--rectangle N] [--model W] [--work FOLDER] [--pictures FOLDER]

writes benchmarks/results/viewer.json. LR is a synthetic place that repeats, the reference its older view on the grid of
the result, which a network makes that only enlarges. `refsr view` runs in a process of its own and is opened in a
headless Chromium that draws without a GPU. A row has the seconds of the clock as a person waits them, from the
browser's own record of its requests, and the server's processor time for a tile, which other work on the machine
changes less. The result is a COG. LR and the reference have no overviews in the first case, and overviews in the
second. It takes a quarter of an hour and 4 GB below FOLDER.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.windows import Window

import refsr
from refsr.core.atomic import write_text

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "viewer.json"
sys.path.insert(0, str(HERE.parent / "tests"))
from browser import Browser, chromium, find_chromium  # noqa: E402  # the tests' client

SCALE, PIXEL, PLACE = 4, 10.0, 1024
"""HR pixels along one of LR, metres of one of LR, and HR pixels along the side of the place that repeats."""
BLOCK = 512
WINDOW = 1400, 900
QUIET = 1.5
"""Seconds without a request, after which a view is complete."""
LONGEST = 1200.0
DRAGS = 10
RESULT_LAYER, REFERENCE = 0, 2
"""Places in the page's lists of layers."""
SCALE_OF_VIEW = "Number(new URLSearchParams(location.hash.slice(1)).get('scale'))"
"""Pixels of the screen along one of the result."""


def write(file: Path, patch: np.ndarray, side: int, pixel: float) -> Path:
    """A tiled GeoTIFF of `side` pixels in which a place repeats."""
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "crs": "EPSG:32612"}
    profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "zlevel": 1}
    bands = np.moveaxis(patch, 2, 0)
    height = bands.shape[1]
    place = Affine(pixel, 0, 500_000.0, 0, -pixel, 4_650_000.0)
    with rasterio.open(file, "w", transform=place, predictor=2, **profile) as sink:
        for row in range(0, side, height):
            line = np.tile(bands, (1, 1, -(-side // height)))[:, : side - row, :side]
            sink.write(line, window=Window(0, row, side, line.shape[1]))
    return file


def scene(folder: Path, side: int) -> dict[str, Path]:
    """LR, the reference and the result of a network that only enlarges."""
    place = refsr.worlds.make(0, size=PLACE, scale=SCALE, seed=5)
    files = {
        "lr": write(folder / "lr.tif", place.lr, side, PIXEL),
        "ref": write(folder / "ref.tif", place.ref, side * SCALE, PIXEL / SCALE),
        "sr": folder / "sr.tif",
    }
    if not files["sr"].exists():
        words = [sys.executable, str(HERE / "raster_run.py"), "refsr", str(files["lr"]), str(files["sr"])]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return files


def add_overviews(file: Path) -> None:
    with rasterio.Env(COMPRESS_OVERVIEW="DEFLATE"), rasterio.open(file, "r+") as sink:
        sink.build_overviews([2, 4, 8, 16, 32], Resampling.average)


@contextlib.contextmanager
def viewer(files: dict[str, Path]) -> Iterator[tuple[int, str, float]]:
    """`refsr view` as a process: its number, its address, and the seconds until it was printed."""
    words = [sys.executable, "-m", "refsr", "view", str(files["sr"]), "--lr", str(files["lr"])]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*words, "--ref", str(files["ref"]), "--no-browser"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield process.pid, line.split(": ", 1)[1].strip(), time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


class Watch:
    """What the browser says of requests for tiles, by its own clock, which is the system's monotonic one."""

    def __init__(self, browser: Browser, server: int) -> None:
        self.browser, self.server = browser, server
        self.begin()

    def begin(self) -> None:
        """From now on tiles and time count."""
        self.start, self.used = time.monotonic(), processor_seconds(self.server)

    def settled(self) -> dict[str, Any]:
        """Waits until no tile is under way for a while; the tiles since the beginning, and how long they took."""
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            self.browser.run("new Promise(done => setTimeout(done, 250))")
            asked, ended = self.tiles()
            last = max([*asked.values(), *ended.values()], default=time.monotonic())
            if not set(asked) - set(ended) and time.monotonic() - last > QUIET:
                break
        mine = [one for one, at in asked.items() if at >= self.start and one in ended]
        took = np.array([ended[one] - asked[one] for one in mine])
        return {
            "tiles": len(mine),
            "first_seconds": round(min(ended[one] for one in mine) - self.start, 2),
            "all_seconds": round(max(ended[one] for one in mine) - self.start, 2),
            "median_tile_seconds": round(float(np.median(took)), 3),
            "slowest_tile_seconds": round(float(took.max()), 3),
            "processor_seconds_per_tile": round((processor_seconds(self.server) - self.used) / len(mine), 3),
        }

    def tiles(self) -> tuple[dict[str, float], dict[str, float]]:
        """When each tile was asked for, and when it was there or given up."""
        asked, ended = {}, {}
        for event in self.browser.events:
            said = event.get("params", {})
            name = event.get("method")
            if name == "Network.requestWillBeSent" and "/api/tiles/" in said["request"]["url"]:
                asked[said["requestId"]] = said["timestamp"]
            elif name in ("Network.loadingFinished", "Network.loadingFailed") and said["requestId"] in asked:
                ended[said["requestId"]] = said["timestamp"]
        return asked, ended


def processor_seconds(process: int) -> float:
    """User and system time of a process so far, without those that it started."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> int:
    """The most that a process has used, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return round(float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 2**10)


def wait(browser: Browser, script: str) -> None:
    until = time.monotonic() + LONGEST
    while not browser.run(script):
        if time.monotonic() > until:
            raise SystemExit(f"waited in vain for {script}")
        time.sleep(0.1)


def choose(browser: Browser, name: str, number: int) -> None:
    """Another entry of a list."""
    one = f"document.getElementById('{name}')"
    browser.run(f"{one}.selectedIndex = {number}; {one}.dispatchEvent(new Event('change'))")


def drag(browser: Browser, start: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
    browser.mouse("move", *start)
    browser.mouse("down", *start)
    for step in range(1, steps + 1):
        place = [a + (b - a) * step / steps for a, b in zip(start, end, strict=True)]
        browser.mouse("move", *place, buttons=1)
        time.sleep(0.03)
    browser.mouse("up", *end)


def measured(
    browser: Browser, files: dict[str, Path], model: str, rectangle: int, pictures: Path | None, case: str
) -> dict[str, Any]:
    """What a person waits for, from the start of the command to a restored rectangle."""

    def picture(name: str) -> None:
        """Waits for the tiles that other sizes of the window ask for."""
        if pictures is not None:
            for width in (1400, 400):
                browser.size(width, WINDOW[1], touch=width < 500)
                time.sleep(3)
                browser.screenshot(pictures / f"{case}-{name}-{width}.png", whole=width < 500)
            browser.size(*WINDOW)
            time.sleep(2)

    found: dict[str, Any] = {"case": case}
    with viewer(files) as (server, address, seconds):
        found["start_seconds"] = round(seconds, 1)
        browser.size(*WINDOW)
        watch = Watch(browser, server)
        browser.visit(address)
        found["whole_scene"] = watch.settled()
        picture("whole")
        watch.begin()
        choose(browser, "layer-b", REFERENCE)
        found["reference"] = watch.settled()
        picture("reference")
        choose(browser, "layer-b", RESULT_LAYER)
        watch.settled()
        watch.begin()
        while browser.run(f"{SCALE_OF_VIEW} < 0.9"):
            browser.key("+")
            time.sleep(0.5)
        found["zooming"] = watch.settled()
        watch.begin()
        for _ in range(DRAGS):
            drag(browser, (1000, 600), (600, 400))
        found["panning"] = watch.settled()
        found["mib_panning"] = memory(server)
        picture("panned")
        found["rectangle"] = restored(browser, model, rectangle)
        found["mib_rectangle"] = memory(server)
        watch.settled()
        picture("restored")
    return found


def restored(browser: Browser, model: str, side: int) -> dict[str, Any]:
    """A rectangle of so many pixels of LR, drawn on the map."""
    box = "document.getElementById('maps').getBoundingClientRect()"
    left, top, width, height = browser.run(f"[{box}.left, {box}.top, {box}.width, {box}.height]")
    scale = float(browser.run(SCALE_OF_VIEW))
    half = min(side * SCALE * scale, width - 40, height - 80) / 2
    x, y = left + width / 2, top + height / 2
    browser.key("r")
    drag(browser, (x - half, y - half), (x + half, y + half))
    about = browser.run("document.getElementById('chosen').textContent")
    browser.run(f"document.getElementById('how').elements.model.value = '{model}'")
    began = time.monotonic()
    browser.run("document.getElementById('how').requestSubmit()")
    wait(
        browser, "document.querySelectorAll('#results > li').length + !document.getElementById('restore-error').hidden"
    )
    clock = time.monotonic() - began
    error = browser.run("document.getElementById('restore-error').textContent")
    if error:
        raise SystemExit(error)
    names, values = (
        browser.run(f"[...document.querySelectorAll('#results {kind}')].map(one => one.textContent)")
        for kind in ("dt", "dd")
    )
    figures = dict(zip(names, values, strict=True))
    return {"model": model, "about": about, "clock_seconds": round(clock, 1), "figures": figures}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=6000, help="pixels of LR a side")
    parser.add_argument("--rectangle", type=int, default=128, help="pixels of LR along its side")
    parser.add_argument("--model", default="refsr-x4", metavar="W", help="what restores the rectangle")
    parser.add_argument(
        "--work", type=Path, help="folder for the scene, which is kept there (default: a temporary one)"
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep pictures of the page")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args(words)
    program = find_chromium()
    if program is None:
        raise SystemExit("no Chromium here")
    with tempfile.TemporaryDirectory() as temporary:
        files = scene(given.work or Path(temporary), given.side)
        rows = []
        for case in ("without-overviews", "overviews"):
            if case == "overviews":
                for name in ("lr", "ref"):
                    add_overviews(files[name])
            with chromium(program, Path(temporary) / case) as browser:
                rows.append(measured(browser, files, given.model, given.rectangle, given.pictures, case))
            print(json.dumps(rows[-1], indent=1), flush=True)
    record = {
        "what": __doc__.splitlines()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[1], 1),
        "side": given.side,
        "rows": rows,
    }
    write_text(given.output, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
