"""How far a result is held to LR, how much its reference counts, and what is told about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from refsr.core.errors import OperatorError, UsageError, suggestion
from refsr.inference.error_model import ErrorModel
from refsr.ops.resize import resize_kernel
from refsr.runs.card_schema import CardTrust

Consistent = Literal["off", "soft", "hard"]


@dataclass(frozen=True)
class Trust:
    """What is done beside the network's own passes, with everything decided."""

    consistent: Consistent = "off"
    response: str = "bicubic"
    softness: float = 1.0
    strength: float = 1.0
    guard: bool = True
    guard_floor: float = 3 / 255
    evidence: bool = False
    """Whether evidence goes along with the image."""
    errors: ErrorModel | None = field(default=None, compare=False)
    """How large errors are, where the model was calibrated."""

    @property
    def plain(self) -> bool:
        """Whether the result is the network's own."""
        return self.consistent == "off" and self.strength == 1 and not self.guard and not self.evidence

    @property
    def held(self) -> str:
        """How a result is held to LR; empty where it is not."""
        return "" if self.consistent == "off" else f"held to LR ({self.consistent}, {self.response})"

    def record(self) -> dict[str, Any]:
        """All that a result depends on, for the identity of a run that is continued."""
        return asdict(self)

    def sentence(self) -> str:
        """What a result or a score rests on, beside the network."""
        held = self.held or "not held to LR"
        return f"results are {held}; reference strength {self.strength:g}; guard {'on' if self.guard else 'off'}"


NO_TRUST = Trust(guard=False)
"""The network's own result and nothing else."""


def decide(
    card: Mapping[str, Any],
    consistent: Consistent | None = None,
    response: str | None = None,
    ref_strength: float = 1.0,
    guard: bool = True,
    evidence: bool = False,
    spelling: Callable[[str], str] = str,
) -> Trust:
    """What is asked for, with the rest by the section `trust` of a model's card."""
    says = CardTrust.model_validate(dict(card))
    known = get_args(Consistent)
    if consistent is not None and consistent not in known:
        raise UsageError(f"{spelling('consistent')} {consistent!r}{suggestion(consistent, known)} ({', '.join(known)})")
    if not 0 <= ref_strength <= 1:
        raise UsageError(f"{spelling('ref_strength')} {ref_strength:g}: expected a number from 0 to 1")
    chosen = response or says.response
    try:
        resize_kernel(chosen)
    except OperatorError as error:
        raise UsageError(f"{spelling('response')} {chosen}: {str(error).removeprefix('imresize: ')}") from None
    errors = None if says.errors is None else ErrorModel.of(says.errors.model_dump())
    return Trust(
        consistent or says.consistent, chosen, says.softness, ref_strength, guard, says.guard_floor, evidence, errors
    )
