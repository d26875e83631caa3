"""Writes the generated tables of the pages, between `<!-- table: NAME -->` and `<!-- end -->`.

python scripts/tables.py            updates every page whose tables differ from benchmarks/results and the package
python scripts/tables.py --check    only lists these pages, and exits 1 if there are any
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Callable
from pathlib import Path

import cost_tables
import metric_tables
import registration_tables
import score_tables
import trust_tables
from result_files import ROOT

BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

TABLES: dict[str, Callable[[], str]] = {
    "systems": score_tables.systems,
    "reference-gans": score_tables.reference_gans,
    "single-image": score_tables.single_image,
    "bench-x4": functools.partial(score_tables.bench, "bench-world-x4"),
    "bench-x8": functools.partial(score_tables.bench, "bench-world-x8"),
    "bench-registered-x4": functools.partial(score_tables.bench, "bench-registered-x4"),
    "bench-registered-x8": functools.partial(score_tables.bench, "bench-registered-x8"),
    "quickstart": score_tables.quickstart,
    "real-training": score_tables.real_training,
    "comparison": score_tables.comparison,
    "comparison-quality": score_tables.comparison_quality,
    "comparison-references": score_tables.comparison_references,
    "comparison-costs": score_tables.comparison_costs,
    "as-they-lie": score_tables.as_they_lie,
    "rrsnet-small": score_tables.rrsnet_small,
    "model-refsr-x4": functools.partial(score_tables.model, "refsr-x4"),
    "model-refsr-x4-fast": functools.partial(score_tables.model, "refsr-x4-fast"),
    "costs": cost_tables.costs,
    "enlarged": score_tables.enlarged,
    "masks": score_tables.masks,
    "registration-errors": registration_tables.errors,
    "registration-real": registration_tables.real_sets,
    "registration-scene": registration_tables.scene,
    "registration-others": registration_tables.others,
    "denoiser": cost_tables.denoiser,
    "onnx": cost_tables.onnx,
    "viewer": cost_tables.viewer,
    "spectral-products": cost_tables.spectral_products,
    "spectral-guidance": score_tables.spectral_guidance,
    "spectral-gains": score_tables.spectral_gains,
    "specgan-cost": cost_tables.specgan_cost,
    "speed-forward": functools.partial(cost_tables.speed, "forward"),
    "speed-step": functools.partial(cost_tables.speed, "step"),
    "speed-restore": cost_tables.speed_restore,
    "speed-scenes": cost_tables.speed_scenes,
    "speed-operators": cost_tables.largest_costs,
    "tiles": cost_tables.tiles,
    "refdiff-samplers": score_tables.refdiff_samplers,
    "refdiff-areas": score_tables.refdiff_areas,
    "trust-held": trust_tables.held,
    "trust-guarded": trust_tables.guarded,
    "trust-intervals": trust_tables.intervals,
    "trust-areas": trust_tables.areas,
    "trust-invented": trust_tables.invented,
    "change-detection": trust_tables.change_detection,
    "metrics": metric_tables.metrics,
    "metric-files": metric_tables.weight_files,
    **{f"costs-{page}": functools.partial(cost_tables.costs, *files) for page, files in cost_tables.COSTS.items()},
}


def filled(page: str) -> str:
    """The page with up-to-date tables."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


def pages() -> list[Path]:
    """The pages of the repository that contain a generated table."""
    places = ("*.md", "docs/**/*.md", "codes/**/*.md", "benchmarks/*.md", "options/*.md")
    return [page for place in places for page in sorted(ROOT.glob(place)) if BLOCK.search(page.read_text())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [page for page in pages() if filled(page.read_text()) != page.read_text()]
    for page in stale:
        print(f"{page.relative_to(ROOT)}: {'has stale tables' if check else 'written'}")
        if not check:
            page.write_text(filled(page.read_text()))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
