"""Tables of scores."""

from __future__ import annotations

from typing import Any

from result_files import stored, table

from refsr.core.registry import DEFAULT_MODEL


def systems() -> str:
    """Small networks of all systems on synthetic worlds: bicubic, the network, and with a swapped reference or cube."""
    gans = stored("reference-gans")["systems"]
    factors = stored("single-image")["scales"]
    diffusion = stored("refdiff_samplers")["areas"]["file"]
    spectral = stored("spectral-guidance")["systems"]["with cube"]
    labels = {"RRSNet": "rrsnet", "RRSGAN": "rrsgan", "RGTNet": "rgtnet", "RGTGAN": "rgtgan"}
    found = [(name, "x4", gans[f"{file}/small"]["scores"]) for name, file in labels.items()]
    found += [("TSFNet", factor, factors[factor]["TSFNet"]["scores"]) for factor in ("x4", "x8", "x16")]
    found += [("Ref-Diff", "x8", diffusion), ("SpecGAN", "x16", spectral["scores"])]
    return table(
        ["PSNR / ST-LPIPS", "scale", "bicubic", "the system", "another place's reference or cube"], map(_beside, found)
    )


def _beside(found: tuple[str, str, dict[str, Any]]) -> list[str]:
    """PSNR and ST-LPIPS of bicubic, of the network, and with the reference or cube of another place."""
    name, factor, scores = found
    own = next(method for method in scores if method.startswith("small_") and "=" not in method)
    swapped = next((scores[method] for method in scores if method.endswith("=swap")), None)
    cells = [
        "" if one is None else f"{one['psnr'][0]:.2f} / {one['st-lpips'][0]:.3f}"
        for one in (scores["bicubic"], scores[own], swapped)
    ]
    return [name, factor, *cells]


def reference_gans() -> str:
    """RRSNet, RGTNet and their GANs on the small world, with the reference, a swapped one and a blank one."""
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
    return table(
        ["", "PSNR", "SSIM", "ST-LPIPS", "GMS", "PSNR, another place's reference", "PSNR, blank reference"], rows
    )


def _scores(
    label: str,
    unperturbed: dict[str, list[float]],
    swapped: dict[str, list[float]] | None,
    blank: dict[str, list[float]] | None,
) -> list[str]:
    numbers = [
        f"{unperturbed['psnr'][0]:.2f}",
        f"{unperturbed['ssim'][0]:.4f}",
        f"{unperturbed['st-lpips'][0]:.4f}",
        f"{unperturbed['gms'][0]:.4f}",
    ]
    others = ["" if other is None else f"{other['psnr'][0]:.2f}" for other in (swapped, blank)]
    return [label, *numbers, *others]


def bench(name: str) -> str:
    """Systems trained with one budget on one world: size, scores, and PSNR with perturbed references."""
    content = stored(name)
    systems = content["systems"]
    metrics = list(next(iter(systems.values()))["scores"])
    perturbations = list(dict.fromkeys(name for one in systems.values() for name in one["perturbed"]))
    digits = {"psnr": 2, "st-lpips": 3}

    def mean(found: list[float] | None, places: int) -> str:
        return "" if found is None else f"{found[0]:.{places}f}"

    rows = [
        [
            system,
            "" if one["parameters"] is None else f"{one['parameters'] / 1e6:.3f}",
            "" if one["iterations"] is None else f"{one['iterations']:,}",
            *(mean(one["scores"].get(metric), digits.get(metric, 4)) for metric in metrics),
            *(mean(one["perturbed"].get(name), 2) for name in perturbations),
        ]
        for system, one in systems.items()
    ]
    labels = {"swap": "another place's reference", "blank": "blank reference"}
    head = ["Params (M)", "iterations", *map(str.upper, metrics), *(f"PSNR, {labels[name]}" for name in perturbations)]
    return table(["system", *head], rows)


def single_image() -> str:
    """TSFNet, EDSR, SRResNet and SwinIR on the small world: PSNR / SSIM at each scale."""
    scales = stored("single-image")["scales"]
    rows: dict[str, list[str]] = {}
    for systems in scales.values():
        bicubic = next(iter(systems.values()))["scores"]["bicubic"]
        scores = {"bicubic": bicubic, **{name: one["scores"][one["run"]] for name, one in systems.items()}}
        for name, one in scores.items():
            rows.setdefault(name, [name]).append(f"{one['psnr'][0]:.2f} / {one['ssim'][0]:.4f}")
    return table(["PSNR / SSIM", *scales], rows.values())


def quickstart() -> str:
    """Scores of the quickstart."""
    return _between(stored("quickstart")["scores"], "quickstart_RRSNet")


def real_training() -> str:
    """Scores of the small RRSNet trained on real images."""
    return _between(stored("real-training")["systems"]["RRSNet"]["scores"], "small_RRSNet")


def _between(scores: dict[str, Any], run: str) -> str:
    """Scores of a small RRSNet beside its baselines and with a swapped reference."""
    labels = {
        "bicubic": "bicubic",
        "lr_up": "LR_UX4 files",
        run: "RRSNet, small",
        f"{run} ref=swap": "RRSNet, small, another place's reference",
    }
    cells = (("psnr", ".2f"), ("ssim", ".4f"))
    rows = [[label, *(f"{scores[name][of]['mean']:{form}}" for of, form in cells)] for name, label in labels.items()]
    return table(["", "PSNR", "SSIM"], rows)


def enlarged() -> str:
    """PSNR of LR_UX4 on the published test sets, by its source and by protocol."""
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
    """Quality of estimated change masks at each scale."""
    scales = stored("change_mask")["scales"]
    names = {
        "estimate": "estimated",
        "matched difference": "difference after colour matching",
        "all changed": "all changed",
    }
    rows = []
    for name, label in names.items():
        tables = [of["table"]["all"][name] for of in scales.values()]
        rows.append([label, *(f"{one['f1']:.2f} / {one['auc']:.2f}" for one in tables)])
    return table(["F1 / ROC AUC", *(f"x{scale}" for scale in scales)], rows)


def refdiff_samplers() -> str:
    """ST-LPIPS and PSNR by NFE (network evaluations), and the error of the downsampled result to LR."""
    content = stored("refdiff_samplers")
    nfes = sorted({row["nfe"] for row in content["rows"]})
    kinds: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for row in (one for one in content["rows"] if not one.get("seed")):
        starts = {"noise": "noise", "released": "released", "enlarged": f"enlarged, sigma_max {row['sigma_max']:g}"}
        held = {"none": "", "every": ", consistency every", "end": ", consistency end"}[row["consistency"]]
        kinds.setdefault((starts[row["start"]] + held, row["sampler"]), {})[row["nfe"]] = row["scores"]

    def cells(found: dict[int, dict[str, float]]) -> list[str]:
        shown = {count: f"{one['st-lpips']:.3f} / {one['psnr']:.1f}" for count, one in found.items()}
        return [*(shown.get(count, "") for count in nfes), f"{max(one['lr'] for one in found.values()):.1f}"]

    plain = content["bicubic"]
    first = ["bicubic", "", f"{plain['st-lpips']:.3f} / {plain['psnr']:.1f}", *("" for _ in nfes[1:])]
    rows = [[*first, f"{plain['lr']:.1f}"]]
    rows += [[start, sampler, *cells(found)] for (start, sampler), found in sorted(kinds.items())]
    return table(["ST-LPIPS / PSNR by start", "sampler", *(f"{count} NFE" for count in nfes), "LR error"], rows)


def refdiff_areas() -> str:
    """Scores in changed and unchanged areas, by reference and mask."""
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
    """SpecGAN with the cube, with its mean spectrum, with another place's cube, and trained without cubes."""
    content = stored("spectral-guidance")
    guided, blind = (content["systems"][name] for name in ("with cube", "blind"))
    run = guided["run"]
    rows = {
        "bicubic": ("bicubic", guided),
        "SpecGAN trained without cubes": (blind["run"], blind),
        "SpecGAN": (run, guided),
        "SpecGAN, mean spectrum of the cube": (f"{run} hsi=blank", guided),
        "SpecGAN, another place's cube": (f"{run} hsi=swap", guided),
    }
    shown = {"PSNR": ("psnr", 2), "SSIM": ("ssim", 4), "ST-LPIPS": ("st-lpips", 4)}
    shown |= {"cover accuracy": ("cover-accuracy", 3), "cover mean IoU": ("cover-miou", 3)}
    cells = (
        [label, *(f"{one['scores'][method][key][0]:.{digits}f}" for key, digits in shown.values())]
        for label, (method, one) in rows.items()
    )
    return table(["", *shown], cells)


def spectral_gains() -> str:
    """Gain of SpecGAN with its cube over each alternative, paired by image."""
    gains = stored("spectral-guidance")["gains"]
    over = {"blind": "trained without cubes", "blank": "mean spectrum of the cube", "swap": "another place's cube"}
    shown = {"PSNR (dB)": ("psnr", 2), "ST-LPIPS": ("st-lpips", 4), "cover accuracy": ("cover-accuracy", 3)}

    def cell(name: str, key: str, digits: int) -> str:
        mean, low, high = (f"{value:+.{digits}f}" for value in gains[name][key])
        return f"{mean} ({low} to {high})"

    rows = ([label, *(cell(name, *of) for of in shown.values())] for name, label in over.items())
    return table(["gain over", *shown], rows)


def rrsnet_small() -> str:
    """rrsnet-small-x4 on held-out places of its worlds and on real images, with three references."""
    content = stored("rrsnet-small")
    rows = []
    for name, one in content["sets"].items():
        scores = one["scores"]
        own = next(method for method in scores if f"{method} ref=swap" in scores)
        methods = ("bicubic", own, f"{own} ref=swap", f"{own} ref=blank")
        found = [scores.get(way) for way in methods]
        cells = ["" if way is None else f"{way['psnr'][0]:.2f} / {way['ssim'][0]:.4f}" for way in found]
        rows.append([name, str(one["images"]), *cells])
    return table(
        ["PSNR / SSIM", "images", "bicubic", content["weights"], "another place's reference", "blank reference"], rows
    )


def comparison() -> str:
    """PSNR of networks on real images and worlds, with their references registered, and of the LR_UX4 files."""
    files = {name: one["rgb-uint8-border4"]["lr_up_file"]["psnr"] for name, one in stored("real_data")["sets"].items()}
    sets = stored("comparison")["sets"]
    enlarged = ["LR_UX4 files", *(f"{files[name]:.2f}" if name in files else "" for name in sets)]
    bicubic, *others = _compared(("psnr",))
    return table(["PSNR", *sets], [bicubic, enlarged, *others])


def comparison_quality() -> str:
    """SSIM and ST-LPIPS of the same."""
    return table(["SSIM / ST-LPIPS (AlexNet)", *stored("comparison")["sets"]], _compared(("ssim", "st-lpips-alex")))


def _compared(metrics: tuple[str, ...]) -> list[list[str]]:
    """A row for each method: the metrics on each set."""
    sets = stored("comparison")["sets"].values()
    digits = {"psnr": 2, "ssim": 3, "st-lpips-alex": 3}
    return [
        [method, *(" / ".join(f"{one[method][of]:.{digits[of]}f}" for of in metrics) for one in sets)]
        for method in next(iter(sets))
    ]


def comparison_references() -> str:
    """What the right reference is worth over another place's, and another place's over none."""
    content = stored("comparison")
    rows = [
        [method, *map(_worth, (one[method] for one in content["sets"].values()))]
        for method, costs in content["methods"].items()
        if "registered" in costs
    ]
    return table(["right / other over none", *content["sets"]], rows)


def _worth(scores: dict[str, Any]) -> str:
    """PSNR gained by the right reference over another place's, and by that over none where it was measured."""
    none = f" / {scores['swap'] - scores['blank']:.2f}" if "blank" in scores else ""
    return f"{scores['psnr'] - scores['swap']:.2f}{none}"


def comparison_costs() -> str:
    """Parameters, and processor seconds for a megapixel."""
    rows = []
    for method, one in stored("comparison")["methods"].items():
        seconds = ("" if way not in one else f"{one[way]:.1f}" for way in ("alone", "registered"))
        rows.append([method, f"{one['parameters'] / 1e6:.2f}", *seconds])
    return table(["", "Params (M)", "CPU s / megapixel", "with registration"], rows)


def as_they_lie() -> str:
    """PSNR of the default weights with references as they lie, registered, and of another place."""
    rows = []
    for name, found in stored("comparison")["sets"].items():
        one = found[DEFAULT_MODEL]
        rows.append([name, *(f"{psnr:.2f}" for psnr in (one["as it lies"]["psnr"], one["psnr"], one["swap"]))])
    return table(["PSNR", "as they lie", "registered", "another place's, registered"], rows)


def model(name: str) -> str:
    """Bundled weights on real images and worlds, for their page."""
    rows = []
    for of, found in stored("comparison")["sets"].items():
        one = found[name]
        scores = (found["bicubic"]["psnr"], found["DAT-light"]["psnr"], one["psnr"], one["swap"], one["blank"])
        rows.append([of, str(one["images"]), *(f"{score:.2f}" for score in scores), str(one["behind"])])
    references = ("right reference", "another place's", "none")
    return table(["PSNR", "images", "bicubic", "DAT-light", *references, "images below DAT-light"], rows)
