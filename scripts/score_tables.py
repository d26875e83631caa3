"""Tables of what systems score."""

from __future__ import annotations

from typing import Any

from result_files import stored, table


def systems() -> str:
    """All systems, each small and on a synthetic world of its own kind: beside bicubic, and with the wrong guide."""
    gans = stored("reference-gans")["systems"]
    factors = stored("single-image")["scales"]
    diffusion = stored("refdiff_samplers")["areas"]["file"]
    spectral = stored("spectral-guidance")["systems"]["with cube"]
    labels = {"RRSNet": "rrsnet", "RRSGAN": "rrsgan", "RGTNet": "rgtnet", "RGTGAN": "rgtgan"}
    found = [(name, "x4", gans[f"{file}/small"]["scores"]) for name, file in labels.items()]
    found += [("TSFNet", factor, factors[factor]["TSFNet"]["scores"]) for factor in ("x4", "x8", "x16")]
    found += [("Ref-Diff", "x8", diffusion), ("SpecGAN", "x16", spectral["scores"])]
    return table(["system", "factor", "bicubic", "the system", "with another place's guide"], map(_beside, found))


def _beside(found: tuple[str, str, dict[str, Any]]) -> list[str]:
    """PSNR and ST-LPIPS of bicubic, of the network, and of the network with the reference or cube of another place."""
    name, factor, scores = found
    own = next(method for method in scores if method.startswith("small_") and "=" not in method)
    swapped = next((scores[method] for method in scores if method.endswith("=swap")), None)
    cells = [
        "" if one is None else f"{one['psnr'][0]:.2f} / {one['st-lpips'][0]:.3f}"
        for one in (scores["bicubic"], scores[own], swapped)
    ]
    return [name, factor, *cells]


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


def bench(name: str) -> str:
    """Systems under one budget on one world: size, scores, and PSNR with the reference perturbed."""
    content = stored(name)
    systems = content["systems"]
    metrics = list(next(iter(systems.values()))["scores"])
    perturbations = list(dict.fromkeys(how for one in systems.values() for how in one["perturbed"]))
    digits = {"psnr": 2, "st-lpips": 3}

    def mean(found: list[float] | None, places: int) -> str:
        return "" if found is None else f"{found[0]:.{places}f}"

    rows = [
        [
            system,
            *("" if one[key] is None else f"{one[key]:,}" for key in ("parameters", "iterations")),
            *(mean(one["scores"].get(metric), digits.get(metric, 4)) for metric in metrics),
            *(mean(one["perturbed"].get(how), 2) for how in perturbations),
        ]
        for system, one in systems.items()
    ]
    labels = {"swap": "another place's reference", "blank": "no reference"}
    head = ["parameters", "iterations", *map(str.upper, metrics), *(f"PSNR, {labels[how]}" for how in perturbations)]
    return table(["system", *head], rows)


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


def quickstart() -> str:
    """What the quickstart came to."""
    return _between(stored("quickstart")["scores"], "quickstart_RRSNet")


def real_training() -> str:
    """The small RRSNet that learnt on real places."""
    return _between(stored("real-training")["systems"]["RRSNet"]["scores"], "small_RRSNet")


def _between(scores: dict[str, Any], run: str) -> str:
    """A run of a small RRSNet between its baselines."""
    labels = {
        "bicubic": "bicubic",
        "lr_up": "LR_UX4 as given",
        run: "RRSNet, small",
        f"{run} ref=swap": "the same with another place's reference",
    }
    cells = (("psnr", ".2f"), ("ssim", ".4f"))
    rows = [[label, *(f"{scores[name][of]['mean']:{form}}" for of, form in cells)] for name, label in labels.items()]
    return table(["", "PSNR", "SSIM"], rows)


def bundled_weights() -> str:
    """The weights that come along on held-out places of their worlds and on real images, with three references."""
    content = stored("bundled-weights")
    rows = []
    for name, one in content["sets"].items():
        scores = one["scores"]
        own = next(method for method in scores if f"{method} ref=swap" in scores)
        methods = ("bicubic", own, f"{own} ref=swap", f"{own} ref=blank")
        found = [scores.get(way) for way in methods]
        cells = ["" if way is None else f"{way['psnr'][0]:.2f} / {way['ssim'][0]:.4f}" for way in found]
        rows.append([name, str(one["images"]), *cells])
    return table(
        ["PSNR / SSIM", "images", "bicubic", content["weights"], "another place's reference", "no reference"], rows
    )


def enlarged() -> str:
    """What the published test sets score without a network, by where LR_UX4 came from and by protocol."""
    sets = stored("real_data")["sets"]
    rows = []
    for name, protocols in sets.items():
        cells = [
            f"{protocols[protocol][way]['psnr']:.2f}"
            for protocol in ("rgb-uint8-border4", "y-uint8-border4")
            for way in ("lr_up_file", "bicubic_of_lr_matlab")
        ]
        rows.append([name, *cells])
    return table(["PSNR", "RGB, LR_UX4 files", "RGB, bicubic of LR", "luma, LR_UX4 files", "luma, bicubic of LR"], rows)


def masks() -> str:
    """How well change masks are estimated, at each factor."""
    scales = stored("change_mask")["scales"]
    names = {"estimate": "estimated", "matched difference": "difference after matching colours", "all changed": "all"}
    rows = []
    for name, label in names.items():
        tables = [of["table"]["all"][name] for of in scales.values()]
        rows.append([label, *(f"{one['f1']:.2f} / {one['auc']:.2f}" for one in tables)])
    return table(["F1 / area under the curve", *(f"x{scale}" for scale in scales)], rows)


def refdiff_samplers() -> str:
    """ST-LPIPS and PSNR by NFE (network evaluations), and how far the result reduced again is from LR."""
    content = stored("refdiff_samplers")
    nfes = sorted({row["nfe"] for row in content["rows"]})
    kinds: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for row in (one for one in content["rows"] if not one.get("seed")):
        starts = {"noise": "noise", "released": "as released", "enlarged": f"LR, level {row['sigma_max']:g}"}
        held = {"none": "", "every": ", held to LR", "end": ", held to LR at the end"}[row["consistency"]]
        kinds.setdefault((starts[row["start"]] + held, row["sampler"]), {})[row["nfe"]] = row["scores"]

    def cells(found: dict[int, dict[str, float]]) -> list[str]:
        shown = {count: f"{one['st-lpips']:.3f} / {one['psnr']:.1f}" for count, one in found.items()}
        return [*(shown.get(count, "") for count in nfes), f"{max(one['lr'] for one in found.values()):.1f}"]

    plain = content["bicubic"]
    first = ["bicubic", "", f"{plain['st-lpips']:.3f} / {plain['psnr']:.1f}", *("" for _ in nfes[1:])]
    rows = [[*first, f"{plain['lr']:.1f}"]]
    rows += [[begun, sampler, *cells(found)] for (begun, sampler), found in sorted(kinds.items())]
    return table(["ST-LPIPS / PSNR, begun at", "sampler", *(f"{count} NFE" for count in nfes), "LR off by"], rows)


def refdiff_areas() -> str:
    """Changed and unchanged areas apart, by reference and mask."""
    areas = stored("refdiff_samplers")["areas"]
    first = areas["file"]
    name = next(method for method in first if method.startswith("small_"))
    swapped = next(method for method in first if method.endswith("ref=swap"))
    rows = {
        "bicubic": first["bicubic"],
        "RefDiff": first[name],
        "RefDiff, another place's reference": first[swapped],
        "RefDiff, mask estimated": areas["estimate"][name],
        "RefDiff, mask none": areas["none"][name],
    }
    digits = {"st-lpips": 3, "psnr": 2, "psnr-unchanged": 2, "psnr-changed": 2, "leak-changed": 3}
    return table(
        ["", "ST-LPIPS", "PSNR", "PSNR unchanged", "PSNR changed", "leak"],
        [[label, *(f"{one[key][0]:.{places}f}" for key, places in digits.items())] for label, one in rows.items()],
    )


def spectral_guidance() -> str:
    """SpecGAN with the right cube, with another place's, with its mean spectrum, and learnt without cubes."""
    content = stored("spectral-guidance")
    seeing, blind = (content["systems"][name] for name in ("with cube", "blind"))
    run = seeing["run"]
    rows = {
        "bicubic": ("bicubic", seeing),
        "learnt without cubes": (blind["run"], blind),
        "right cube": (run, seeing),
        "its mean spectrum everywhere": (f"{run} hsi=blank", seeing),
        "another place's cube": (f"{run} hsi=swap", seeing),
    }
    shown = {"PSNR": ("psnr", 2), "SSIM": ("ssim", 4), "ST-LPIPS": ("st-lpips", 4)}
    shown |= {"cover accuracy": ("cover-accuracy", 3), "cover mean IoU": ("cover-miou", 3)}
    cells = (
        [label, *(f"{one['scores'][method][key][0]:.{digits}f}" for key, digits in shown.values())]
        for label, (method, one) in rows.items()
    )
    return table(["", *shown], cells)


def spectral_gains() -> str:
    """What the right cube gains over each other way, image by image."""
    gains = stored("spectral-guidance")["gains"]
    over = {"blind": "learning without cubes", "blank": "its mean spectrum", "swap": "another place's cube"}
    shown = {"PSNR, dB": ("psnr", 2), "ST-LPIPS": ("st-lpips", 4), "cover accuracy": ("cover-accuracy", 3)}

    def cell(name: str, key: str, digits: int) -> str:
        mean, low, high = (f"{value:+.{digits}f}" for value in gains[name][key])
        return f"{mean} ({low} to {high})"

    rows = ([label, *(cell(name, *of) for of in shown.values())] for name, label in over.items())
    return table(["gain over", *shown], rows)
