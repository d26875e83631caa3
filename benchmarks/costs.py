"""Parameters and multiply-accumulates of the networks that option files build, for an image of 256 x 256.

python benchmarks/costs.py [FILE...] writes benchmarks/results/costs.json. Nothing is computed: torch's counter follows
the shapes. Counted are convolutions and products of matrices, and five for each value that a deformable layer samples;
not transforms to frequencies, activations and resizing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.atomic import write_text
from refsr.core.options.load import load_options
from refsr.networks.blocks.dcn import DCNv2, DCNv3
from refsr.networks.descriptor import Descriptor, NetworkSpec

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "costs.json"
SIDE = 256
SAMPLE = 5
"""Products that make one value between four pixels, weighed."""

FILES = (
    "rrsgan/published",
    "rrsgan/small",
    "rgtgan/published",
    "rgtgan/train-dense",
    "rgtgan/small",
    "rgtgan/small-dense",
    "specgan/published-x16",
    "specgan/published-x32",
    "specgan/train-x16",
    "specgan/small-x16",
    "tsfnet/ucmerced-x8",
    "tsfnet/small-x8",
    "refdiff/second-x8",
    "refdiff/small",
    "sisr/edsr-x4",
    "sisr/srresnet-x4",
    "sisr/swinir-x4",
    "sisr/dat-x4",
    "flagship/x4",
    "flagship/x4-fast",
    "flagship/small",
)


def inputs(descriptor: Descriptor, side: int = SIDE) -> list[Tensor]:
    """One image of each member that the network takes, for a result of `side`, unless its size is fixed."""
    low = descriptor.side or side // descriptor.scale
    large = low * descriptor.scale
    images = {"lr": low, "lr_up": large, "ref": large, "ref_down": large}
    made = [torch.empty(1, descriptor.channels, images[one], images[one]) for one in descriptor.inputs if one in images]
    if "ref_weight" in descriptor.inputs:
        made.append(torch.empty(1, 1, large, large))
    if "mask" in descriptor.inputs:
        made.append(torch.empty(1, 1, large, large))
    if "hsi" in descriptor.inputs:
        made.append(torch.empty(1, descriptor.hsi_bands, low, low))
    if descriptor.stochastic:
        made[:0] = [torch.empty(1, descriptor.channels, large, large), torch.ones(1)]
    return made


def products(network: nn.Module, given: list[Tensor]) -> int:
    """Multiply-accumulates of one forward pass."""
    deformable = [(name, one) for name, one in network.named_modules() if isinstance(one, (DCNv2, DCNv3))]
    extra = 0

    def sampled(module: nn.Module, taken: Any, result: Tensor) -> None:
        nonlocal extra
        pixels = result.shape[-2] * result.shape[-1]
        if isinstance(module, DCNv2):
            channels, points = module.weight.shape[1], module.weight[0, 0].numel()
            extra += pixels * module.weight.numel()
            module.warn_above = None
        else:
            channels, points = result.shape[1], module.geometry[0] ** 2
        extra += SAMPLE * pixels * points * channels

    for _, one in deformable:
        one.register_forward_hook(sampled)
        if isinstance(one, DCNv2):
            one.warn_above = None
    with FlopCounterMode(display=False) as counter:
        network(*given)
    counts = counter.get_flop_counts()
    total = sum(counts["Global"].values())
    # What plain torch does in place of the operator is not what a compiled one does: it is counted above instead.
    replaced = sum(
        flops
        for name, one in deformable
        if isinstance(one, DCNv2)
        for operation, flops in counts[f"{type(network).__name__}.{name}"].items()
        if "convolution" not in str(operation)
    )
    return (total - replaced) // 2 + extra


def cost(file: str) -> dict[str, Any]:
    """Of the network that restores, and of its discriminator where there is one."""
    options = load_options(ROOT / "options" / f"{file}.yml", paths=False)
    # Built outside of the mode: some ways to draw weights look at numbers, which it does not have.
    network = NetworkSpec.of(options.network_G, options.scale).build().eval().requires_grad_(False)
    # torch's counter does not know the fused attention of CPUs.
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        described: Descriptor = network.descriptor  # type: ignore[assignment]
        one: dict[str, Any] = {
            "network": options.network_G.which,
            "scale": options.scale,
            "parameters": count(network),
            "giga_products": round(products(network, inputs(described)) / 1e9, 2),
        }
        if options.network_D is not None:
            one["discriminator_parameters"] = count(NetworkSpec.of(options.network_D, options.scale).build())
    return one


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", choices=[*FILES, []], metavar="FILE", help="count these alone again")
    files = parser.parse_args().files
    found: dict[str, Any] = json.loads(RESULT.read_text())["files"] if files else {}
    for file in files or FILES:
        found[file] = one = cost(file)
        print(f"{file}: {one['parameters']:,} parameters, {one['giga_products']} thousand million products")
    result = {"torch": torch.__version__, "side": SIDE, "files": {file: found[file] for file in FILES if file in found}}
    write_text(RESULT, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
