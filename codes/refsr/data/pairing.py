"""Members of a data set find each other by key, and every one that finds no partner is named."""

from __future__ import annotations

from collections.abc import Mapping

from refsr.core.errors import DataError
from refsr.data.images import ImageInfo
from refsr.data.stores.base import Store
from refsr.data.stores.checking import shortened, unequal_keys


def paired_keys(stores: Mapping[str, Store]) -> tuple[str, ...]:
    """The keys that all stores share; an error lists those that only some have."""
    keys = {f"{member} ({store.path})": set(store.keys()) for member, store in stores.items()}
    lines = unequal_keys(keys)
    if lines:
        raise DataError("images do not pair by name:\n  " + "\n  ".join(lines))
    return next(iter(stores.values())).keys()


def check_sizes(stores: Mapping[str, Store], keys: tuple[str, ...], ratios: Mapping[str, int]) -> None:
    """Every member must cover the HR image, `ratios` high-resolution pixels a pixel; an error names each misfit."""
    wrong = []
    for key in keys:
        hr = stores["hr"].info(key)
        for member, ratio in ratios.items():
            found = stores[member].info(key)
            if (found.height, found.width) != (hr.height // ratio, hr.width // ratio):
                wrong.append(_misfit(key, member, found, hr, ratio))
    if wrong:
        raise DataError("sizes do not fit: " + shortened(wrong))


def _misfit(key: str, member: str, found: ImageInfo, hr: ImageInfo, ratio: int) -> str:
    wanted = f"{hr.height // ratio}x{hr.width // ratio}"
    return f"{key}: {member} is {found.height}x{found.width}, HR of {hr.height}x{hr.width} needs {wanted}"
