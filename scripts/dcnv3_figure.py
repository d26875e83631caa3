"""Makes figures/dcnv3.png from benchmarks/results/dcnv3-cpu.json: speed-up of compiled DCNv3 over plain torch.

python scripts/dcnv3_figure.py (needs matplotlib)
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
COLOURS = {"forward": "#1f77b4", "forward+backward": "#d98c1f"}


def main() -> None:
    record = json.loads((ROOT / "benchmarks" / "results" / "dcnv3-cpu.json").read_text())
    sizes = record["sizes"]
    at = np.arange(len(sizes))
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    for side, (what, colour) in zip((-0.2, 0.2), COLOURS.items(), strict=True):
        times = [row[what]["times_faster"] for row in sizes.values()]
        bars = axes.bar(at + side, times, 0.38, label=what, color=colour)
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=1)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(at, [name.replace(" ", "\n", 1) for name in sizes], fontsize=6.5)
    axes.set_ylabel("speed-up over plain torch")
    axes.set_title(f"DCNv3 in C++ on a CPU ({record['device']}, {record['threads']} threads, float32)", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(ROOT / "figures" / "dcnv3.png", dpi=110)


if __name__ == "__main__":
    main()
