"""Puts the stored results into the pages, between `<!-- table: NAME -->` and `<!-- end -->`.

python scripts/tables.py            writes every page whose tables are not what benchmarks/results says
python scripts/tables.py --check    only tells, and exits 1
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, the first column text, the others numbers."""
    rule = ["---", *("--:" for _ in head[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *rows))


def stored(name: str) -> dict[str, Any]:
    """A benchmark's results."""
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return content


def reference_gans() -> str:
    """The four systems on the small world, with the right reference, another place's and none."""
    labels = {
        "rrsnet/small": "RRSNet",
        "rgtnet/small": "RGTNet, released",
        "rgtnet/small-dense": "RGTNet, dense",
        "rrsgan/small": "RRSGAN",
        "rgtgan/small": "RGTGAN, released",
        "rgtgan/small-dense": "RGTGAN, dense",
    }
    systems = stored("reference-gans")["systems"]
    first = systems["rrsnet/small"]["scores"]
    rows = [_scores("bicubic", first["bicubic"], None, None)]
    for file, label in labels.items():
        scores = systems[file]["scores"]
        name = systems[file]["run"]
        rows.append(_scores(label, scores[name], scores[f"{name} ref=swap"], scores[f"{name} ref=blank"]))
    return table(["", "PSNR", "SSIM", "ST-LPIPS", "GMS", "PSNR, wrong reference", "PSNR, no reference"], rows)


def _scores(
    label: str,
    right: dict[str, list[float]],
    swapped: dict[str, list[float]] | None,
    blank: dict[str, list[float]] | None,
) -> list[str]:
    numbers = [
        f"{right['psnr'][0]:.2f}",
        f"{right['ssim'][0]:.4f}",
        f"{right['st-lpips'][0]:.4f}",
        f"{right['gms'][0]:.4f}",
    ]
    others = ["" if other is None else f"{other['psnr'][0]:.2f}" for other in (swapped, blank)]
    return [label, *numbers, *others]


def single_image() -> str:
    """TSFNet and its neighbours on the small world, PSNR / SSIM at each factor."""
    scales = stored("single-image")["scales"]
    rows: dict[str, list[str]] = {}
    for systems in scales.values():
        bicubic = next(iter(systems.values()))["scores"]["bicubic"]
        scores = {"bicubic": bicubic, **{name: one["scores"][one["run"]] for name, one in systems.items()}}
        for name, one in scores.items():
            rows.setdefault(name, [name]).append(f"{one['psnr'][0]:.2f} / {one['ssim'][0]:.4f}")
    return table(["PSNR / SSIM", *scales], rows.values())


TABLES: dict[str, Callable[[], str]] = {"reference-gans": reference_gans, "single-image": single_image}


def filled(page: str) -> str:
    """The page with its tables made anew."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


def pages() -> list[Path]:
    """The repository's pages that hold a table."""
    places = ("*.md", "docs/**/*.md", "codes/**/*.md", "benchmarks/*.md", "options/*.md")
    return [page for place in places for page in sorted(ROOT.glob(place)) if BLOCK.search(page.read_text())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [page for page in pages() if filled(page.read_text()) != page.read_text()]
    for page in stale:
        print(f"{page.relative_to(ROOT)}: {'differs from benchmarks/results' if check else 'written'}")
        if not check:
            page.write_text(filled(page.read_text()))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
