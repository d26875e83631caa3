"""Tables of costs: parameters, multiply-accumulates, time and memory."""

from __future__ import annotations

from result_files import stored, table

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
