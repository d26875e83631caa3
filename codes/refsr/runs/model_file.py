"""Model files: a network's weights, how it is built, which task restores with it, and where it came from.

A file is safetensors, with a digest of all that it says, so that damage is never loaded.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.foreign_files import MOST_TEXT, parse_json, require_file
from refsr.core.memory import is_out_of_memory
from refsr.core.registry import MODEL_SUFFIX, ONNX_SUFFIX, Kind, bundled, names, source
from refsr.core.version import __version__
from refsr.networks.budget import parameter_budget, require_held
from refsr.networks.descriptor import NetworkSpec, resolved_keywords
from refsr.runs.card_schema import CardHeader, check_header
from refsr.runs.run_folder import RunFolder, best_step, checkpoint_steps

FORMAT = "refsr-model-1"
AVERAGE = "G_ema"
"""Key of the averaged copy of G beside the networks' own."""
LENGTH = struct.Struct("<Q")
"""Of the header, at the beginning of the file."""
HEADER = "refsr"
"""The one key of the file's metadata: libraries write several in no fixed order, and equal runs give equal files."""
DIGEST = "digest"


@dataclass(frozen=True)
class ModelCard:
    """What a model file says beside its weights."""

    spec: NetworkSpec
    model: str
    """The task, by its name in option files, whose way of restoring the network is for."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights came from: run, step and options, or a published file and its digest."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """How its task samples where nobody asks for anything else: what the run's section `sampling` said."""
    masks: Mapping[str, Any] = field(default_factory=dict)
    """How change masks became numbers while it learnt, as MaskOptions has it: `encoding` and `values`."""
    cubes: Mapping[str, Any] = field(default_factory=dict)
    """How cubes were read while it learnt, as a data set's options have it: `range_hsi`, `bands_hsi` and `hsi`."""
    trust: Mapping[str, Any] = field(default_factory=dict)
    """How results are held to LR, and how large their errors are, as CardTrust has it."""


def write_model(path: str | Path, weights: Mapping[str, Tensor], card: ModelCard) -> None:
    """A network's state dict and card at `path`, whole or not at all."""
    write_tensors(path, weights, card_header(card))


def card_header(card: ModelCard) -> dict[str, str]:
    """What a file's header says of a network, as texts."""
    return {
        "format": FORMAT,
        "refsr": __version__,
        "network": card.spec.network,
        "keywords": json.dumps(dict(card.spec.keywords), sort_keys=True),
        "model": card.model,
        "origin": json.dumps(dict(card.origin), sort_keys=True),
        "sampling": json.dumps(dict(card.sampling), sort_keys=True),
        "masks": json.dumps(dict(card.masks), sort_keys=True),
        "cubes": json.dumps(dict(card.cubes), sort_keys=True),
        "trust": json.dumps(dict(card.trust), sort_keys=True),
        "sources": json.dumps({kind: source(kind, name) for kind, name in _names(card)}),
    }


def read_card(header: Mapping[str, str], path: str | Path) -> ModelCard:
    """The card in a file's header."""
    return _card(_checked(header, path))


def _checked(header: Mapping[str, str], path: str | Path) -> CardHeader:
    if header.get("format") != FORMAT:
        raise DataError(
            f"{path}: is no model file of refsr (its format is {header.get('format', 'not named')!r}); "
            "refsr import makes one from published weights"
        )
    return check_header(header, path)


def _card(says: CardHeader) -> ModelCard:
    spec = NetworkSpec(says.network, says.keywords)
    return ModelCard(spec, says.model, says.origin, says.sampling, says.masks, says.cubes, says.trust)


def read_model(path: str | Path) -> tuple[nn.Module, ModelCard]:
    """The network in evaluation mode on the CPU, and its card."""
    if Path(path).suffix == ONNX_SUFFIX:
        raise DataError(
            f"{path}: is an ONNX file, which refsr restore and refsr info take; here the model file that it was made "
            "of is needed"
        )
    weights, header = read_tensors(path)
    says = _checked(header, path)
    card = _card(says)
    _require_names(card, says.sources, path)
    network = _built(card.spec, weights, path)
    fit_weights(network, weights, path)
    return network.eval(), card


def _built(spec: NetworkSpec, weights: Mapping[str, Tensor], path: str | Path) -> nn.Module:
    """The network that a file names, which is not built where its weights could not be in the file."""
    try:
        resolved_keywords(spec.network, spec.keywords)
    except UsageError as error:
        raise DataError(f"{path}: its network cannot be built: {error}") from error
    require_held(spec, weights.values(), path)
    try:
        with parameter_budget(weights.values(), path):
            return spec.build()
    except DataError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # Constructors raise whatever wrong numbers lead to.
        first = str(error).partition("\n")[0]
        raise DataError(f"{path}: its network {spec.network} cannot be built: {first}") from error


def _require_names(card: ModelCard, sources: Mapping[str, str], path: str | Path) -> None:
    """A DataError that says how to register what the file's network or task needs and this process does not know."""
    for kind, name in _names(card):
        if name not in names(kind) and (brought := sources.get(kind)):
            raise DataError(
                f"{path}: its {kind} {name} is not registered; where the file was written, {brought} brought it"
            )


def _names(card: ModelCard) -> tuple[tuple[Kind, str], ...]:
    return ("network", card.spec.network), ("task", card.model)


def fit_weights(
    network: nn.Module,
    weights: Mapping[str, Tensor],
    source: object,
    strict: bool = True,
    part: Callable[[Tensor, Tensor], Tensor] = lambda whole, like: whole,
) -> list[str]:
    """Loads the weights; keys that do not fit are a DataError, or are returned as lines where `strict` is off.

    `part` makes of a weight what the network holds, where that is not the whole of it.
    """
    wanted = network.state_dict()
    problems = [f"{key}: is missing" for key in wanted if key not in weights]
    problems += [f"{key}: is not known" for key in weights if key not in wanted]
    problems += [
        f"{key}: has shape {tuple(weights[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in weights and weights[key].shape != tensor.shape
    ]
    for key, one in weights.items():
        if one.is_floating_point() and not torch.isfinite(one).all():
            raise DataError(
                f"{source}: {key!r} holds values that are not finite; its training diverged, or it is damaged"
            )
    fitting = {key: one for key, one in weights.items() if key in wanted and wanted[key].shape == one.shape}
    if problems and (strict or not fitting):
        shown = "".join(f"\n  {problem}" for problem in problems[:6])
        more = f"\n  and {len(problems) - 6} more" if len(problems) > 6 else ""
        raise DataError(f"{source}: {len(problems)} keys do not fit the network{shown}{more}")
    network.load_state_dict({key: part(one, wanted[key]) for key, one in fitting.items()}, strict=False)
    return problems


def model_file_at(path: str | Path, network: str = "G", averaged: bool = True) -> Path:
    """The model file that `path` is or names, or that the folder of a checkpoint or a run holds of a network.

    A name is that of bundled weights; a file or folder of that name comes first. Of a run it is its best checkpoint's
    file, else its newest's, and of G the averaged copy if there is one and it is wanted.
    """
    path = Path(path)
    try:
        there = path.exists()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if not there:
        return _bundled_at(path)
    if path.suffix in (".pth", ".pt") and path.is_file():
        raise DataError(f"{path}: is no model file of refsr; refsr import {path} makes one of published weights")
    if not path.is_dir():
        return path
    held = path
    if not any((path / f"{name}{MODEL_SUFFIX}").is_file() for name in (AVERAGE, "G", network)):
        checkpoints = RunFolder(path).checkpoints
        found = checkpoint_steps(checkpoints)
        if not found:
            raise DataError(f"{path}: is no folder of a run with a checkpoint; expected one, or a {MODEL_SUFFIX} file")
        best = best_step(checkpoints)
        held = checkpoints / str(found[-1] if best is None else best)
    for name in (AVERAGE, network) if network == "G" and averaged else (network,):
        if (held / f"{name}{MODEL_SUFFIX}").is_file():
            return held / f"{name}{MODEL_SUFFIX}"
    raise DataError(f"{held}: holds no weights of {network}")


def _bundled_at(path: Path) -> Path:
    """The bundled weights of that name; what looks like a path is left to whoever opens it."""
    known = bundled()
    if str(path) in known:
        return known[str(path)]
    if path.suffix or len(path.parts) > 1:
        return path
    hint = suggestion(str(path), known)
    raise DataError(
        f"{path}: no such file or folder, and no weights of that name come with refsr{hint} (known: {', '.join(known)})"
    )


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """`tensors` and a header of texts at `path`, whole or not at all."""
    from safetensors.torch import save

    kept = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    words = json.dumps({**header, DIGEST: _digest(kept, header)}, sort_keys=True)
    write_bytes(path, save(kept, metadata={HEADER: words}))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors, on the CPU, and the header; a file that is not what was written is a DataError."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    file = Path(path)
    header = _header(file, require_file(file, f"*{MODEL_SUFFIX}"))
    try:
        tensors = load(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: is no safetensors file, or a damaged one") from error
    digest = header.pop(DIGEST, None)
    # Other programs' files have no header of ours, and ours always have a digest.
    if header and digest != _digest(tensors, header):
        raise DataError(f"{file}: is damaged: its tensors are not the ones that were written")
    return tensors, header


def _header(file: Path, size: int) -> dict[str, str]:
    """The texts in a file's header, where the rest of the file is what the header says of its tensors."""
    with file.open("rb") as handle:
        start = handle.read(LENGTH.size)
        (length,) = LENGTH.unpack(start) if len(start) == LENGTH.size else (0,)
        if not 0 < length <= min(MOST_TEXT, size - LENGTH.size):
            raise DataError(f"{file}: is no safetensors file, or a damaged one")
        content = parse_json(handle.read(length), file, "safetensors file")
    try:
        words = content.pop("__metadata__", {}).get(HEADER, "{}")
        end = max((tensor["data_offsets"][1] for tensor in content.values()), default=0)
        if LENGTH.size + length + end != size:
            raise DataError(f"{file}: is damaged: has {size:,} bytes, its header says {LENGTH.size + length + end:,}")
        return {str(key): str(value) for key, value in parse_json(words, f"{file}: {HEADER}").items()}
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: is no safetensors file, or a damaged one") from error


def weights_digest(network: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and values of a network's weights."""
    return _digest({name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}, {})


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Over names, types, shapes, values and the rest of the header, in an order of their own."""
    running = hashlib.sha256(json.dumps(dict(header), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        running.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        running.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return running.hexdigest()
