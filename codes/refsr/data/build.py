"""From the options of a data set to the data set: the kinds that option files name, each as its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.core.registry import resolve
from refsr.data.cubes.by_position import CubesByPosition, check_positions
from refsr.data.cubes.opening import open_cubes
from refsr.data.cubes.reading import CubeReader, cube_hints, cube_reader, raw_range
from refsr.data.hardening.hardness import hardness
from refsr.data.reference_faults import ReferenceFaults
from refsr.data.registered.cache import default_folder
from refsr.data.registered.stores import RegisteredRefs, RegisteredStore
from refsr.data.sets.degraded import DegradedLR
from refsr.data.sets.paired import Cropping, MaskOptions, Member, PairedSet
from refsr.data.sets.self_references import SelfReferences
from refsr.data.stores import open_store
from refsr.data.stores.checking import unequal_keys

ROOTS = {
    "hr": "dataroot_GT",
    "lr": "dataroot_LQ",
    "lr_up": "dataroot_LQ_UX4",
    "ref": "dataroot_Ref",
    "ref_down": "dataroot_Ref_DUX4",
    "ref_weight": "dataroot_Ref_weight",
    "base": "dataroot_Base",
    "mask": "dataroot_mask",
    "hsi": "dataroot_hsi",
}


def build_dataset(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """The data set that a `datasets` section describes; missing, unequal and misfitting images are named."""
    dataset: PairedSet = resolve("dataset", options.mode)(options, scale, seed)
    return dataset


def reference(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """HR, LR, LR_UX4, Ref and Ref_DUX4 of the same names; LR_UX4 and Ref_DUX4 from files or derived, as declared."""
    optional = ("ref_weight", "base")
    return _build(options, scale, seed, needed=("hr", "lr", "lr_up", "ref", "ref_down"), optional=optional)


def single(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """HR and LR alone; LR from files, or made from HR where no folder is given."""
    return _build(options, scale, seed, needed=("hr", "lr"))


def self_reference(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """Single images, each with a reference made from itself: displaced, re-coloured, hardened, and then registered."""
    return _build(options, scale, seed, needed=("hr", "lr", "lr_up", "ref", "ref_down"), optional=("base",))


def change(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """HR, LR, Ref and a land-cover change mask, as SECOND and CNAM-CD were laid out for Ref-Diff.

    Where the mask is not read from files, it is estimated from LR and Ref, or says that nothing changed.
    """
    return _build(options, scale, seed, needed=("hr", "lr", "ref", "mask"), optional=("lr_up", "ref_weight"))


def hyperspectral(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """HR, LR and a hyperspectral cube of the same place on a coarser grid."""
    return _build(options, scale, seed, needed=("hr", "lr", "hsi"), optional=("lr_up",))


def _build(
    options: DatasetOptions, scale: int, seed: int, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> PairedSet:
    own = options.kind == "self_reference"
    made = {
        "lr": options.lr == "from_hr",
        "lr_up": options.lr_up == "from_lr",
        # Of a registered Ref, files of Ref_DUX4 are not: they were made before.
        "ref_down": options.ref_down == "from_ref" or options.register_ref != "none" or own,
    }
    derive = [name for name in needed if made.get(name)]
    if "lr" in needed and options.dataroot_LQ is None and "lr" not in derive and needed == ("hr", "lr"):
        derive.append("lr")
    members: dict[str, Member] = {}
    for name in (*needed, *optional):
        root = options.references()[0] if name == "ref" and options.references() else getattr(options, ROOTS[name])
        if name in derive:
            continue
        if name == "ref" and own:
            members[name] = _self_references(members["hr"], options, seed)
            continue
        if root is None:
            if name in optional or (name == "mask" and options.mask != "file"):
                continue
            how = f", or {_switch(name)}" if name in made else ""
            raise DataError(f"{options.name or options.mode}: needs {ROOTS[name]}{how}")
        members[name] = _member(name, root, options)
    if "ref" in members and options.register_ref != "none":
        members |= _registered(members, options, scale)
    if "base" in members:
        members["base"] = _made_by_a_network(members["base"], members["hr"])
    if "hsi" in members:
        members["hsi"] = _placed(members, options.hsi or CubeOptions())
    return PairedSet(
        members=members,
        scale=scale,
        derive=tuple(derive),
        cropping=Cropping(options.GT_size, options.crop, options.use_flip, options.use_rot),
        faults=ReferenceFaults(options.ref_wrong, options.ref_missing, options.ref_shift)
        if "ref" in needed
        else ReferenceFaults(),
        mask=MaskOptions(options.mask_encoding, options.mask_values, options.mask if "mask" in needed else None),
        seed=seed,
        name=options.name or options.mode,
        degraded=None if options.degradation is None else DegradedLR(options.degradation, scale, seed),
    )


def _self_references(images: Member, options: DatasetOptions, seed: int) -> Member:
    store = SelfReferences(images.store, hardness(options.hardness), seed, images.range)
    return replace(images, store=store, origin=f"from_hr (hardness {options.hardness:g})")


def _registered(members: Mapping[str, Member], options: DatasetOptions, scale: int) -> dict[str, Member]:
    """Ref and its weight map, registered to LR when they are first read."""
    name = options.name or options.mode
    if options.dataroot_Ref_weight is not None:
        raise DataError(f"{name}: dataroot_Ref_weight says that Ref is registered already; register: none takes it so")
    refs = (members["ref"].store, *(open_store(root, options.verify_reads) for root in options.references()[1:]))
    lr = members["lr"].store if "lr" in members else None
    lines = unequal_keys({f"Ref ({store.path})": set(store.keys()) for store in refs})
    if lines:
        raise DataError("references do not pair by name:\n  " + "\n  ".join(lines))
    source = RegisteredRefs(
        members["hr"].store,
        lr,
        refs,
        scale,
        options.register_ref,
        members["ref"].range,
        options.register_cache or default_folder(),
    )
    origin = members["ref"].origin if len(refs) == 1 else f"{len(refs)} files"
    origin = f"{origin}, registered ({options.register_ref})"
    return {
        "ref": replace(members["ref"], store=RegisteredStore(source, "ref"), origin=origin),
        "ref_weight": Member(RegisteredStore(source, "weight"), origin="from registration"),
    }


def _made_by_a_network(member: Member, hr: Member) -> Member:
    """Images with the bands that a network gives; of another type than HR's, from 0 to its highest value."""
    keys = member.store.keys()
    dtype = member.store.info(keys[0]).dtype if keys else ""
    if dtype.startswith("uint") and dtype != hr.store.info(hr.store.keys()[0]).dtype:
        return Member(member.store, (0, int(np.iinfo(dtype).max)), all_bands=True)
    return replace(member, bands=None, all_bands=True)


def _switch(name: str) -> str:
    return {"lr": "lr: from_hr", "lr_up": "lr_up: from_lr", "ref_down": "ref_down: from_ref"}[name]


def _member(name: str, root: Path, options: DatasetOptions) -> Member:
    if name in ("mask", "ref_weight"):
        return Member(open_store(root, options.verify_reads))
    if name == "hsi":
        cubes = cube_reader(open_cubes(root, cube_hints(options), options.verify_reads), options)
        return Member(cubes, raw_range(options), all_bands=True, note=cubes.note)
    bands = None if options.bands is None else tuple(options.bands)
    limits = None if options.range is None else (options.range[0], options.range[1])
    return Member(open_store(root, options.verify_reads), limits, bands)


def _placed(members: Mapping[str, Member], cubes: CubeOptions) -> Member:
    """The cubes beside their HR images: brought to these where that is asked for, else checked against them."""
    member, images = members["hsi"], members["hr"].store
    store = member.store
    if isinstance(store, CubeReader) and cubes.pairing == "position":
        if cubes.ratio is None:
            raise DataError("hsi.pairing: position needs hsi.ratio, the HR pixels along the side of a cube's pixel")
        placed = CubesByPosition(store, images, cubes.ratio)
        return replace(member, store=placed, note=placed.note)
    if isinstance(store, CubeReader) and cubes.pairing == "key":
        check_positions(images, store)
    return member
