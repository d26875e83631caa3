"""The costs that pages show are those of the option files as they are."""

from __future__ import annotations

import json

import pytest
from pages import REPOSITORY

from refsr.core.options.load import load_options
from refsr.networks.descriptor import NetworkSpec

FILES = json.loads((REPOSITORY / "benchmarks" / "results" / "costs.json").read_text())["files"]


@pytest.mark.parametrize("file", [file for file in FILES if "small" in file])
def test_small_networks_have_so_many_parameters(file):
    options = load_options(REPOSITORY / "options" / f"{file}.yml")
    network = NetworkSpec.of(options.network_G, options.scale).build()
    counted = sum(one.numel() for one in network.parameters())
    assert counted == FILES[file]["parameters"], "python benchmarks/costs.py counts again"


@pytest.mark.parametrize(
    ("file", "parameters", "giga_products"),
    [
        ("rrsgan/published", 7_984_899, 235.5),
        ("rgtgan/published", 10_681_350, 438.3),
        ("rgtgan/train-dense", 10_578_550, 526.8),
        ("specgan/published-x16", 203_110_298, 201.7),
        ("specgan/published-x32", 203_096_390, 188.2),
    ],
)
def test_the_counter_agrees_with_a_count_of_the_releases(file, parameters, giga_products):
    """Theirs layer by layer, without what they compute for nothing."""
    assert FILES[file]["parameters"] == parameters
    assert FILES[file]["giga_products"] == pytest.approx(giga_products, abs=0.1)
