"""What a restored raster rests on: the identity by which an interrupted run goes on, and the tags of the result."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from refsr import __version__
from refsr.geo.raster_digest import raster_digest
from refsr.inference.inputs import RestoreOptions
from refsr.inference.restorer import Restorer
from refsr.inference.scene import Scene
from refsr.inference.scene_registration import registration_mode

STALE = re.compile(r"^(STATISTICS_|OVR_|LAYOUT$|INTERLEAVE$|COMPRESSION$|REFSR_)")
"""Tags of LR that do not hold for the result."""
OWNED = re.compile(r"date|time|licen[cs]e|copyright|attribution|acquisition|credit", re.IGNORECASE)
"""Tags of references that go into the result's."""
NOT_IDENTITY = ("spelling",)
"""Options that pixels do not depend on."""
NOT_PIXELS = ("clip",)


def identity(scene: Scene, restorer: Restorer, options: RestoreOptions, settled: Mapping[str, Any]) -> dict[str, Any]:
    """All that the blocks of a raster depend on; `settled` is what was decided by rule, such as the tiles."""
    plain = {name: value for name, value in asdict(options).items() if name not in NOT_IDENTITY}
    plain["raster"] = {name: value for name, value in plain["raster"].items() if name not in NOT_PIXELS}
    return {
        "refsr": __version__,
        "model": restorer.digest,
        "LR": raster_digest(scene.lr),
        "references": [raster_digest(source) for source in scene.reference_sources],
        "registration": [made.digest for made in scene.registrations],
        "options": plain,
        **settled,
    }


def provenance_tags(
    scene: Scene, restorer: Restorer, options: RestoreOptions, identity: Mapping[str, Any]
) -> dict[str, str]:
    """The tags of the result: LR's own, what made it, and dates and rights of the references."""
    tags = {key: value for key, value in scene.lr.tags.items() if not STALE.match(key)}
    tags |= {
        "REFSR_VERSION": __version__,
        "REFSR_MODEL": f"{restorer.card.spec.network} x{restorer.scale}",
        "REFSR_MODEL_SHA256": identity["model"],
        "REFSR_LR": PurePath(scene.lr.name).name,
        "REFSR_LR_SHA256": identity["LR"],
        "REFSR_RANGE": str(scene.range),
        "REFSR_TRUST": restorer.trust(options).sentence(),
        "REFSR_REGISTRATION": registration_mode(options),
        "REFSR_OPTIONS": json.dumps(_given(identity["options"]), sort_keys=True),
    }
    members = zip(scene.reference_sources, identity["references"], scene.registrations, strict=True)
    for number, (source, digest, made) in enumerate(members, 1):
        tags |= {f"REFSR_REF_{number}": PurePath(source.name).name, f"REFSR_REF_{number}_SHA256": digest}
        if made.line:
            tags[f"REFSR_REF_{number}_REGISTRATION"] = made.line
        owned = {key: value for key, value in source.tags.items() if OWNED.search(key) and not STALE.match(key)}
        tags |= {f"REFSR_REF_{number}_{key}": value for key, value in owned.items()}
    # A file's name may hold bytes that no tag can.
    return {key: value.encode(errors="backslashreplace").decode() for key, value in tags.items()}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that somebody set."""
    plain = {**{name: value for name, value in options.items() if name != "raster"}, **options["raster"]}
    return {name: value for name, value in plain.items() if value not in (None, 0, False, "auto", (), [])}
