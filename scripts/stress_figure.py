"""Makes figures/stress.png from benchmarks/results/stress-x4.json: PSNR against the amount of each perturbation.

python scripts/stress_figure.py (needs matplotlib)
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from result_files import stored

from refsr.evaluation.stress import SWEEPS

mpl.use("Agg")
import matplotlib.pyplot as plt

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "stress.png"
COLOURS = ("#1f6fb4", "#c2571a", "#3d8c40", "#8a4fa3", "#7a7a7a")


def main() -> None:
    record = stored("stress-x4")
    systems = record["systems"]
    figure, panels = plt.subplots(2, 4, figsize=(12, 5.6), sharey=True, layout="constrained")
    for sweep, panel in zip(SWEEPS, panels.flat, strict=True):
        at = range(len(sweep.amounts) + 1)
        for colour, (name, scores) in zip(COLOURS, systems.items(), strict=False):
            start = scores["unperturbed"]
            curve = [start, *(scores.get(str(perturb), start) for perturb in sweep.perturbations)]
            label = name.removeprefix("small_").replace("_", " ")
            panel.plot(at, curve, marker="o", markersize=3, linewidth=1.6, color=colour, label=label)
        panel.axhline(record["bicubic"], color="black", linewidth=1, linestyle="--", label="bicubic")
        panel.set_xticks(at, ["0", *(f"{amount:g}" for amount in sweep.amounts)])
        panel.set_title(sweep.about, fontsize=11)
        panel.set_xlabel(sweep.unit, fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(sweep="y", linewidth=0.4, alpha=0.6)
    for row in panels:
        row[0].set_ylabel("PSNR (dB)")
    handles, names = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=len(names), frameon=False, loc="outside lower center")
    figure.savefig(FIGURE, dpi=100)
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
