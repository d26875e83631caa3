"""The registry: which names an option file or a command may use, and what each of them stands for.

Built-in names stand in the table below, each beside "module:attribute", which is imported when it is used. A value
without a colon is another name of the table: a second spelling. Names of one's own are added by `register_network` and
its siblings, from Python or in a module that an option file imports, and by entry points of installed packages in the
groups `refsr.networks`, `refsr.tasks`, `refsr.datasets` and `refsr.metrics`. Bundled weights have names, too.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

from refsr.core.errors import RefsrError, UsageError, suggestion
from refsr.core.user_modules import current_import, import_target

logger = logging.getLogger(__name__)

MODEL_SUFFIX = ".safetensors"
ONNX_SUFFIX = ".onnx"
DEFAULT_MODEL = "refsr-x4"
"""The bundled weights that restore where no model is named."""
Kind = Literal["network", "task", "dataset", "metric"]

NAMES: dict[str, dict[str, Any]] = {
    "network": {
        "RRSNet": "refsr.networks.rrsnet:RRSNet",
        "RGTNet": "refsr.networks.rgtnet:RGTNet",
        "TSFNet": "refsr.networks.tsfnet.network:TSFNet",
        "RefDiff": "refsr.networks.refdiff.network:RefDiff",
        "SRResNet": "refsr.networks.srresnet:SRResNet",
        "MSRResNet": "refsr.networks.msrresnet:MSRResNet",
        "EDSR": "refsr.networks.edsr:EDSR",
        "SwinIR": "refsr.networks.swinir:SwinIR",
        "DAT": "refsr.networks.dat.network:DAT",
        "CompactNet": "refsr.networks.compactnet:CompactNet",
        "GatedTransfer": "refsr.networks.gated_transfer.network:GatedTransfer",
        "SpecGAN": "refsr.networks.specgan.network:SpecGAN",
        "StyleGAN2": "refsr.networks.stylegan2:StyleGAN2",
        "StyleGAN2Discriminator": "refsr.networks.stylegan2_discriminator:StyleGAN2Discriminator",
        "discriminator_vgg_128": "refsr.networks.discriminator:VGGDiscriminator",
        "RRSNet_arch": "RRSNet",
        "RGTNet_arch": "RGTNet",
    },
    "task": {
        "regression": "refsr.tasks.regression:Regression",
        "twin_gan": "refsr.tasks.twin_gan:TwinGAN",
        "diffusion": "refsr.tasks.diffusion.task:Diffusion",
        "stylegan2": "refsr.tasks.latent.style_gan:StyleGAN",
        "specgan": "refsr.tasks.latent.spectral_gan:SpectralGAN",
        "RRSNet_model": "regression",
        "RRSGAN_model": "twin_gan",
        "RGTNet_model": "regression",
        "RGTGAN_model": "twin_gan",
        "RefDiff_model": "diffusion",
        "StyleGAN2_model": "stylegan2",
        "SpecGAN_model": "specgan",
        "TSFNet_model": "regression",
        "SISR_model": "regression",
    },
    "dataset": {
        "reference": "refsr.data.build:reference",
        "single": "refsr.data.build:single",
        "self_reference": "refsr.data.build:self_reference",
        "change": "refsr.data.build:change",
        "hyperspectral": "refsr.data.build:hyperspectral",
        "RRSNet": "reference",
        "RGTNet": "reference",
    },
    "metric": {},  # filled by refsr.metrics.table, whose lines say more than where a metric is
}

SOURCES: dict[tuple[str, str], str] = {}
"""Where a name that is not built in came from: `--import gate`, `package gate`, or the call that registers it."""


def names(kind: Kind) -> list[str]:
    """All names of a kind, built-in ones first; imports nothing heavy."""
    return list(_table(kind))


def canonical(kind: Kind, name: str) -> str:
    """The first spelling of a name; an unknown one is returned as it is."""
    target = _table(kind).get(name)
    return target if isinstance(target, str) and ":" not in target else name


def list_networks() -> list[str]:
    """The names of all networks, without second spellings: built-in ones, then those that were registered.

    >>> refsr.list_networks()[:3]
    ['RRSNet', 'RGTNet', 'TSFNet']
    """
    return _listed("network")


def list_tasks() -> list[str]:
    """The names of all tasks, which train and restore with networks.

    >>> "diffusion" in refsr.list_tasks()
    True
    """
    return _listed("task")


def list_datasets() -> list[str]:
    """The names of all kinds of data sets, the key `mode` of option files.

    >>> refsr.list_datasets()
    ['reference', 'single', 'self_reference', 'change', 'hyperspectral']
    """
    return _listed("dataset")


def list_metrics() -> list[str]:
    """The names of all metrics; `refsr.metrics` has each as a function.

    >>> refsr.list_metrics()[:2]
    ['psnr', 'ssim']
    """
    return _listed("metric")


def resolve(kind: Kind, name: str) -> Any:
    """What `name` stands for, imported now."""
    table = _table(kind)
    if name not in table:
        raise UsageError(f"{kind} {name!r} is not known{suggestion(name, table)} (known: {', '.join(table)})")
    name = canonical(kind, name)
    target = table[name]
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    if (kind, name) not in SOURCES:
        return getattr(importlib.import_module(module), attribute)
    about = f"{kind} {name!r} ({SOURCES[kind, name]})"
    loaded = import_target(module, about)
    if not hasattr(loaded, attribute):
        raise RefsrError(f"{about}: {module} has no {attribute!r}{suggestion(attribute, vars(loaded))}")
    return getattr(loaded, attribute)


def source(kind: Kind, name: str) -> str:
    """Where a name comes from that is not built in; empty for built-in names."""
    return SOURCES.get((kind, canonical(kind, name)), "")


def register(kind: Kind, name: str, target: str | Callable[..., Any] | object) -> None:
    """Adds a name: `target` is "module:attribute", imported when it is used, or the object itself."""
    table = _table(kind)
    if isinstance(target, str) and not all(target.partition(":")):
        raise UsageError(f"{kind} {name!r}: {target!r} is not of the form module:attribute")
    if kind != "metric" and not isinstance(target, str) and not callable(target):
        raise UsageError(f"{kind} {name!r}: a {type(target).__name__} cannot be called; expected a class or a function")
    if name not in table:
        imported, call = current_import(), f"register_{kind}({name!r}, {_place(target)!r})"
        SOURCES[kind, name] = f"--import {imported}" if imported else call
    elif _place(table[name]) != _place(target):
        raise UsageError(f"{kind} {name!r} is registered already, as {_place(table[name])}; choose another name")
    table[name] = target


def register_network(name: str, target: str | Callable[..., Any]) -> None:
    """Adds a network, by the class or by "module:attribute", which is imported when it is used.

    >>> refsr.register_network("GateNet", "my_module:GateNet")
    >>> "GateNet" in refsr.list_networks()
    True
    """
    register("network", name, target)


def register_task(name: str, target: str | Callable[..., Any]) -> None:
    """Adds a task, the key `model` of an option file.

    >>> refsr.register_task("gate", "my_module:GateTask")
    """
    register("task", name, target)


def register_dataset(name: str, target: str | Callable[..., Any]) -> None:
    """Adds a kind of data set, the key `mode` of a `datasets` section: a function of options, scale and seed.

    >>> refsr.register_dataset("pairs", "my_module:pairs")
    """
    register("dataset", name, target)


def register_metric(name: str, target: object) -> None:
    """Adds a metric: a `refsr.metrics.Metric` of that name, or its "module:attribute".

    >>> mae = refsr.metrics.Metric("mae", "mean absolute error", "lower", "my_module", "my_module:mae")
    >>> refsr.register_metric("mae", mae)
    """
    register("metric", name, target)


def _table(kind: str) -> dict[str, Any]:
    if kind not in NAMES:
        raise UsageError(f"no names of kind {kind!r}{suggestion(kind, NAMES)}")
    if kind == "metric":
        importlib.import_module("refsr.metrics.table")
    _add_installed(kind)
    return NAMES[kind]


def _listed(kind: Kind) -> list[str]:
    return [name for name in names(kind) if canonical(kind, name) == name]


@functools.cache
def _add_installed(kind: str) -> None:
    """Adds the entry points of installed packages; nothing of them is imported."""
    for found in metadata.entry_points(group=f"refsr.{kind}s"):
        package = found.dist.name if found.dist is not None else "of unknown name"
        if not found.attr:
            problem = f"{found.value!r} is not of the form module:attribute"
        elif NAMES[kind].get(found.name, found.value) != found.value:
            problem = f"the name is registered already, as {_place(NAMES[kind][found.name])}"
        else:
            NAMES[kind][found.name] = found.value
            SOURCES[kind, found.name] = f"package {package}"
            continue
        logger.warning("package %s: its %s %r is left out: %s", package, kind, found.name, problem)


def _place(target: object) -> str:
    """Where a target stands; a class that a notebook defines a second time is the same one."""
    if isinstance(target, str):
        return target
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    return f"{module}:{name}" if name is not None else repr(target)


def bundled() -> dict[str, Path]:
    """Model files by name, each with a page of the same name beside it that says what it is."""
    folder = Path(str(resources.files("refsr") / "models"))
    found = {file.name.removesuffix(MODEL_SUFFIX): file for file in folder.glob(f"*{MODEL_SUFFIX}")}
    return dict(sorted(found.items()))


def list_models() -> list[str]:
    """The names of the bundled weights, which `load` takes.

    >>> refsr.list_models()
    ['refsr-x4', 'refsr-x4-fast', 'rrsnet-small-x4']
    """
    return list(bundled())
