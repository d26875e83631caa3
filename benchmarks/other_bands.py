"""What bands gain that no network restores: guided by the restored ones, against bicubic.

python benchmarks/other_bands.py [--places N] writes benchmarks/results/other_bands.json in about 6 minutes on one core.

Worlds with a cube at HR's size give the truth in every band; LR's bands are reduced from it exactly. The restored bands
are those of the bundled network, or HR itself as an upper bound. The cube of a world is mixed from the ground without
optics, HR is seen through a lens; a sensor has one for all bands. So the cube is blurred by the Gaussian that relates
its visible bands best to HR (chosen without a look at the others); `bare` says what the cube as it is gives.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

import refsr
from refsr.core.atomic import write_text
from refsr.evaluation.results import summarise
from refsr.geo.detail_injection import detail, fine_detail, injected, injection, noise_of, window_radius
from refsr.ops.resize import imresize
from refsr.worlds.spectra import make_bands
from runs import ROOT

RESULT = ROOT / "benchmarks" / "results" / "other_bands.json"
MODEL = "rrsnet-small-x4"
KNOBS: dict[str, Any] = {
    "size": 384, "scale": 4, "seed": 2026, "bands": 40, "cube_factor": 1, "misregistration": 1.0, "rotation": 0.1,
    "scale_difference": 0.1, "view_angle": 4.0, "change": 0.1, "softness": 0.6,
}  # fmt: skip
SCALE, BORDER = 4, 8
COLOURS = [25, 15, 5]
"""Bands of Indian Pines near 650, 550 and 460 nm."""
SIGMAS = np.arange(0, 1.25, 0.1)
VISIBLE, NEAR_INFRARED = (450, 690), (760, 960)
NOISES = (0.003, 0.01)
"""Standard deviation of noise added to LR's bands, as a share of their range."""


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    apart = (image - truth)[BORDER:-BORDER, BORDER:-BORDER]
    return float(10 * np.log10(truth.max() ** 2 / np.mean(apart**2)))


def lens(cube: np.ndarray, hr: np.ndarray, visible: np.ndarray) -> float:
    """The blur of the cube under which its visible bands explain most of the detail of HR."""
    light = hr - gaussian_filter(hr, (3, 3, 0))
    left = []
    for sigma in SIGMAS:
        seen = gaussian_filter(cube[:, :, visible], (sigma, sigma, 0))
        seen = (seen - gaussian_filter(seen, (3, 3, 0))).reshape(-1, visible.sum())
        left.append(np.linalg.lstsq(seen, light.reshape(-1, 3), rcond=None)[1].sum())
    return round(float(SIGMAS[int(np.argmin(left))]), 1)


def guided(band: np.ndarray, guides: np.ndarray, restored: np.ndarray) -> np.ndarray:
    valid = np.ones(band.shape, bool)
    spread = detail(guides, valid, window_radius(3)).std((0, 1))
    coefficients = injection(band, guides, valid, spread).astype(np.float32)
    return injected(
        band.astype(np.float32), coefficients, fine_detail(restored, SCALE), SCALE, noise_of(band, valid) or 0.0
    )


def gains(place: int, restorer: Any, centres: np.ndarray) -> dict[str, Any]:
    """What each band gains over bicubic in dB, by the restored bands and by what the truth is."""
    scene = refsr.worlds.make(place, **KNOBS)
    assert scene.hsi is not None
    guides, generator = scene.lr.astype(np.float64), np.random.default_rng(place)
    sharp = {"restored": restorer.restore(scene.lr, scene.ref), "hr": scene.hr}
    visible = (centres > VISIBLE[0]) & (centres < VISIBLE[1])
    sigma = lens(scene.hsi.astype(np.float64), scene.hr.astype(np.float64), visible)
    found: dict[str, Any] = {"sigma": sigma}
    for kind, blur in (("lens", sigma), ("bare", 0.0)):
        for index in range(len(centres)):
            truth = gaussian_filter(scene.hsi[:, :, index].astype(np.float64), blur)
            clean = imresize(truth, f"1/{SCALE}")
            for noise in (0.0, *NOISES) if kind == "lens" else (0.0,):
                band = clean + generator.normal(size=clean.shape) * noise * np.ptp(clean)
                plain = psnr(imresize(band, SCALE), truth)
                for name, image in sharp.items():
                    gain = psnr(guided(band, guides, image.astype(np.float32)), truth) - plain
                    found.setdefault(f"{kind}, {name}, noise {noise:g}", []).append(gain)
    return found


def real_cube() -> dict[str, Any]:
    """The same on AVIRIS over Indian Pines (145 x 145 pixels of 20 m, 200 bands), which tensorly carries."""
    folder = Path(str(importlib.util.find_spec("tensorly").origin)).parent  # type: ignore[union-attr]
    cube = np.load(folder / "datasets" / "data" / "Indian_pines_corrected.npy").astype(np.float64)
    side = cube.shape[0] // SCALE * SCALE
    cube, found = cube[:side, :side], {}
    colours = cube[:, :, COLOURS]
    guides = imresize(colours, f"1/{SCALE}")
    others = [band for band in range(cube.shape[2]) if band not in COLOURS]
    for name, share in (("true colours", 1.0), ("halfway from bicubic to the true colours", 0.5)):
        restored = share * colours + (1 - share) * imresize(guides, SCALE)
        gain = []
        for band in others:
            truth = cube[:, :, band]
            low = imresize(truth, f"1/{SCALE}")
            gain.append(psnr(guided(low, guides, restored), truth) - psnr(imresize(low, SCALE), truth))
        found[name] = {
            "mean": round(float(np.mean(gain)), 3),
            "worst": round(min(gain), 3),
            "worse_than_bicubic": f"{sum(one < 0 for one in gain)} of {len(gain)}",
        }
        print("Indian Pines", name, found[name])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--places", type=int, default=24)
    places = parser.parse_args().places
    restorer, centres = refsr.load(MODEL, device="cpu"), make_bands(KNOBS["bands"]).centres
    near = (centres > NEAR_INFRARED[0]) & (centres < NEAR_INFRARED[1])
    every = [gains(place, restorer, centres) for place in range(places)]
    content: dict[str, Any] = {
        "world": KNOBS, "places": places, "model": MODEL, "machine": f"{platform.machine()}, CPU",
        "centres_nm": [round(float(centre)) for centre in centres],
        "lens_sigma": [one["sigma"] for one in every],
        "score": "PSNR over bicubic in dB by band; near infrared: mean over places and its 95 % bootstrap interval; "
        "worst: the least of all bands and places",
    }  # fmt: skip
    for key in every[0]:
        if key == "sigma":
            continue
        table = np.array([one[key] for one in every])
        infrared = summarise(key, "", "gain", table[:, near].mean(1).tolist())
        content.setdefault("gains", {})[key] = {
            "near_infrared": [round(value, 3) for value in (infrared.mean, infrared.low, infrared.high)],
            "bands": [round(float(value), 3) for value in table.mean(0)],
            "worst": round(float(table.min()), 3),
            "worse_than_bicubic": f"{int((table < 0).sum())} of {table.size}",
        }
        print(key, content["gains"][key]["near_infrared"], content["gains"][key]["worst"])
    content["indian_pines"] = real_cube()
    write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
