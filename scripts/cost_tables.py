"""Tables of what networks cost: weights, arithmetic, time and memory."""

from __future__ import annotations

from result_files import stored, table

COSTS = {
    "rrsgan": ("rrsgan/published", "rrsgan/small"),
    "rgtgan": ("rgtgan/published", "rgtgan/train-dense", "rgtgan/small", "rgtgan/small-dense"),
    "specgan": ("specgan/published-x16", "specgan/published-x32", "specgan/train-x16"),
    "tsfnet": ("tsfnet/ucmerced-x8", "tsfnet/small-x8", "sisr/edsr-x4", "sisr/srresnet-x4"),
    "refdiff": ("refdiff/second-x8", "refdiff/small"),
}
"""By page, which option files' costs it shows."""


def costs(*files: str) -> str:
    """What the networks of option files hold and take for an image of 256 x 256."""
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
    """One look of the published denoiser of Ref-Diff, as published and as here."""
    stored_ways = stored("refdiff_step-cpu-128")["ways"]
    labels = {
        "published": "as published",
        "prepared": "conditions looked at once",
        "fast": "the same, wide convolutions by Winograd's way",
    }
    rows = [
        [label, f"{one['gmac']:.0f}", f"{one['seconds_to_published']:.2f}", f"{one['memory_mib'] / 1024:.1f}"]
        for label, one in ((label, stored_ways[name]) for name, label in labels.items())
    ]
    return table(["", "G multiply-accumulates", "time to published", "GiB"], rows)


def spectral_products() -> str:
    """TSFNet's arithmetic as published and as here."""
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
    return table(["", "G multiply-accumulates", *(f"time of a step, {scale}" for scale in steps)], rows)


def specgan_cost() -> str:
    """SpecGAN by its way to enlarge, and by the bands of the cube."""
    content = stored("specgan-cpu")
    rows = []
    for name, one in content["rows"].items():
        times = [f"{one[way]['time_to_released']:.2f}" for way in ("restoring", "learning")]
        memory = [f"{one[way]['memory_mib'] / 1024:.1f}" for way in ("restoring", "learning")]
        rows.append([name, f"{one['giga_products']:.1f}", f"{one['million_parameters']:.2f}", *times, *memory])
    head = ["", "G multiply-accumulates", "million parameters", "time to restore", "time of a step"]
    return table([*head, "GiB to restore", "GiB of a step, quarter width"], rows)
