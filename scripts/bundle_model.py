"""Writes the weights of a finished run as bundled weights: codes/refsr/models/NAME.safetensors.

python scripts/bundle_model.py RUN NAME [key=value ...]

RUN is the folder of a run or a checkpoint; key=value changes a keyword of the network that is not trained, such as
full_agreement=1.0. The page of the model, NAME.md, is written by hand.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import yaml

from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import fit_weights, model_file_at, read_model, write_model

MODELS = Path(__file__).resolve().parent.parent / "codes" / "refsr" / "models"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("changes", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    network, card = read_model(model_file_at(arguments.run))
    changes = {key: yaml.safe_load(value) for key, _, value in (change.partition("=") for change in arguments.changes)}
    spec = NetworkSpec(card.spec.network, {**card.spec.keywords, **changes})
    weights = network.state_dict()
    fit_weights(spec.build(), weights, arguments.run)
    target = MODELS / f"{arguments.name}.safetensors"
    write_model(target, weights, replace(card, spec=spec))
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
