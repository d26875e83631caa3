"""Tables of costs: parameters, multiply-accumulates, time and memory."""

from __future__ import annotations

from typing import Any

from result_files import stored, table, word_table

COSTS = {
    "rrsgan": ("rrsgan/published", "rrsgan/small"),
    "rgtgan": ("rgtgan/published", "rgtgan/train-dense", "rgtgan/small", "rgtgan/small-dense"),
    "specgan": ("specgan/published-x16", "specgan/published-x32", "specgan/train-x16"),
    "tsfnet": ("tsfnet/ucmerced-x8", "tsfnet/small-x8", "sisr/edsr-x4", "sisr/srresnet-x4", "sisr/dat-x4"),
    "refdiff": ("refdiff/second-x8", "refdiff/small"),
}
"""Option files in the cost table of each page."""


def costs(*files: str) -> str:
    """Parameters and multiply-accumulates of the networks of option files, for an output of 256 x 256 pixels."""
    found = stored("costs")["files"]
    rows = []
    for file in files or found:
        one = found[file]
        discriminator = f"{one['discriminator_parameters'] / 1e6:.1f}" if "discriminator_parameters" in one else ""
        cells = [f"{one['parameters'] / 1e6:.2f}", f"{one['giga_products']:.1f}", discriminator]
        rows.append([f"`options/{file}.yml`", f"{one['network']} x{one['scale']}", *cells])
    head = ["option file", "network", "Params (M)", "GMACs", "D params (M)"]
    return table(head, rows)


def denoiser() -> str:
    """One network evaluation of Ref-Diff at published size, as published and as here."""
    stored_ways = stored("refdiff_step-cpu-128")["ways"]
    labels = {
        "published": "as published",
        "prepared": "conditions encoded once for all steps",
        "fast": "also wide convolutions by Winograd",
    }
    rows = [
        [label, f"{one['gmac']:.0f}", f"{one['seconds_to_published']:.2f}", f"{one['memory_mib'] / 1024:.1f}"]
        for label, one in ((label, stored_ways[name]) for name, label in labels.items())
    ]
    return table(["", "GMACs", "relative time", "memory (GiB)"], rows)


def onnx() -> str:
    """The bundled models by torch and by onnxruntime: processor time for a megapixel, and how far apart they are."""
    rows = [
        [
            f"`{name}`",
            *(f"{one['seconds_per_megapixel'][way]:.2f}" for way in ("torch", "onnxruntime")),
            f"{one['greatest_difference']} of 255, at {one['pixels_that_differ']:.1e} of the values",
            f"{one['bytes'] / 1e6:.1f}",
        ]
        for name, one in stored("onnx-cpu")["models"].items()
    ]
    return table(["model", "torch (CPU s per Mpx)", "onnxruntime", "greatest difference", "file (MB)"], rows)


def viewer() -> str:
    """What a person waits for in the viewer, and the server's processor time for a tile."""
    content = stored("viewer")
    views = {"whole_scene": "the scene", "reference": "its reference", "panning": "panning"}
    names = {"without-overviews": "without overviews", "overviews": "with overviews"}
    rows = [
        [
            f"{label}, {names[row['case']]}",
            f"{row[view]['first_seconds']:.1f}",
            f"{row[view]['median_tile_seconds']:.2f}",
            f"{row[view]['processor_seconds_per_tile']:.3f}",
        ]
        for view, label in views.items()
        for row in content["rows"]
    ]
    return table(["", "first tile (s)", "a tile, median (s)", "CPU s per tile"], rows)


def spectral_products() -> str:
    """Multiply-accumulates and time of TSFNet, as published and as here."""
    one = stored("tsfnet-cpu")
    steps = one["steps"]
    rows = [
        [
            label,
            f"{one['giga_products'][way]:.2f}",
            *(f"{1 / steps[scale][way]['speed_to_published']:.2f}" for scale in steps),
        ]
        for way, label in (("published", "as published"), ("ours", "as here"))
    ]
    return table(["", "GMACs", *(f"relative time per iteration, {scale}" for scale in steps)], rows)


def specgan_cost() -> str:
    """Costs of SpecGAN by upsampling and by bands of the cube."""
    content = stored("specgan-cpu")
    rows = []
    for name, one in content["rows"].items():
        times = [f"{one[way]['time_to_released']:.2f}" for way in ("restoring", "learning")]
        memory = [f"{one[way]['memory_mib'] / 1024:.1f}" for way in ("restoring", "learning")]
        rows.append([name, f"{one['giga_products']:.1f}", f"{one['million_parameters']:.2f}", *times, *memory])
    head = ["", "GMACs", "Params (M)", "relative time, inference", "relative time, training"]
    return table([*head, "memory, inference (GiB)", "memory, training at quarter width (GiB)"], rows)


def speed(kind: str) -> str:
    """CPU seconds and memory of `forward` or `step`, and how near they are to the machine's peak."""
    rows = []
    for file, one in _timed(kind).items():
        megapixels = one["side"] ** 2 / 1e6
        rows.append(
            [
                f"`{file}.yml`",
                str(one["side"]),
                f"{one['giga_products'] / megapixels:.0f}",
                f"{one['seconds'] / megapixels:.1f}",
                f"{one['share_of_peak']:.2f}",
                f"{one['memory_mib'] / 1024:.2f}",
                f"{one['to_plain']:.2f}" if one["to_plain"] else "",
            ]
        )
    head = [
        "option file",
        "side",
        "GMACs a megapixel",
        "CPU s a megapixel",
        "share of peak",
        "memory (GiB)",
        "to plain",
    ]
    return table(head, rows)


def speed_restore() -> str:
    """CPU seconds and memory of `refsr restore` as a whole."""
    rows = []
    for what, one in _timed("restore").items():
        model, side = what.split()
        relative = f"{one['to_plain']:.2f}" if one["to_plain"] else ""
        megapixels = one["side"] ** 2 / 1e6
        cells = [f"{one['seconds']:.1f}", f"{one['seconds'] / megapixels:.1f}", f"{one['memory_mib'] / 1024:.2f}"]
        rows.append([f"`{model}`", side, *cells, relative])
    return table(["weights", "LR pixels", "CPU s", "CPU s a megapixel", "memory (GiB)", "to plain"], rows)


def speed_scenes() -> str:
    """CPU seconds and memory of `refsr restore` as a whole, for rasters with a reference."""
    rows = []
    for what, one in _timed("scene").items():
        model, side = what.split()
        each = one["seconds"] / (one["side"] ** 2 / 1e6)
        rows.append([f"`{model}`", side, f"{one['seconds']:.1f}", f"{each:.1f}", f"{one['memory_mib'] / 1024:.2f}"])
    return table(["weights", "LR pixels", "CPU s", "CPU s a megapixel", "memory (GiB)"], rows)


def largest_costs() -> str:
    """The ten operators that take most of each network's time at inference."""
    rows = [
        [f"`{file}.yml`", ", ".join(f"`{name}` {round(100 * share)}" for name, share in one["costs"].items())]
        for file, one in _timed("forward").items()
    ]
    return word_table(["option file", "operators and their share of the time, %"], rows)


def tiles() -> str:
    """Of the bundled models: how often a pixel of an image in automatic tiles is computed."""
    found = stored("counts")["restore"]
    rows = [[f"`{name}`", f"{one['times_computed']['automatic']:.2f}"] for name, one in found.items()]
    return table(["weights", "times computed"], rows)


def _timed(kind: str) -> dict[str, Any]:
    found = stored("speed")["rows"].items()
    return {name.removeprefix(f"{kind} "): one for name, one in found if name.startswith(f"{kind} ")}
