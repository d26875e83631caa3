"""How the references of an evaluated data set were registered, as results state it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from refsr.data.registered.registered_ref import registration_version
from refsr.data.registered.summary import refused, summary
from refsr.data.sets.paired import PairedSet, Records
from refsr.runs.process_group import Group

KEY = "registration"
"""In the `about` of results."""
PREPARED = "prepared"
"""The mode of references that refsr prepare registered."""
NAMED = 5
"""Images without a reference that a note names."""


def registration_of(dataset: PairedSet) -> dict[str, str]:
    """Mode and version of a data set's registration; empty where references are used as they lie."""
    source = dataset.registered_refs
    if source is not None:
        return {"mode": source.mode, "version": registration_version()}
    return {"mode": PREPARED} if "ref_weight" in dataset.members else {}


class Registrations:
    """The verdicts of one data set; those of perturbed references are counted while they are evaluated."""

    def __init__(self, dataset: PairedSet, perturbed: Iterable[str]) -> None:
        self._dataset = dataset
        self._counts: dict[str, Tensor] = {method: torch.zeros(2, dtype=torch.float64) for method in perturbed}
        """By method: references accepted, and all."""

    def add(self, method: str, records: Records) -> None:
        """Counts the references of one sample under a perturbation."""
        accepted = sum(bool(one["accepted"]) for one in records)
        self._counts[method] += torch.tensor((accepted, len(records)), dtype=torch.float64)

    def total(self, group: Group) -> None:
        """Adds the counts of all processes."""
        self._counts = {method: group.total(counts) for method, counts in self._counts.items()}

    def about(self, keys: Sequence[str]) -> dict[str, Any]:
        """Mode, the record of every image's references and the counts under perturbations; empty without."""
        found: dict[str, Any] = dict(registration_of(self._dataset))
        source = self._dataset.registered_refs
        if source is None:
            return found
        found["images"] = {key: list(source.records(key)) for key in keys}
        found["summary"] = summary(found["images"])
        found["perturbed"] = {
            method: {"accepted": int(counts[0]), "references": int(counts[1])}
            for method, counts in self._counts.items()
            if counts[1]
        }
        return found

    def notes(self, about: dict[str, Any]) -> list[str]:
        """Lines for people."""
        if about.get("mode") == PREPARED:
            return ["references were registered by refsr prepare; perturbations apply to the registered ones"]
        if not about:
            return []
        lines = [f"{about['summary']} (register: {about['mode']})"]
        without = refused(about["images"])
        if without:
            more = f" and {len(without) - NAMED} more" if len(without) > NAMED else ""
            lines.append(f"no reference is used for {', '.join(without[:NAMED])}{more}: none could be registered")
        for method, counts in about["perturbed"].items():
            lines.append(f"{method}: {counts['accepted']} of {counts['references']} perturbed references registered")
        return lines
