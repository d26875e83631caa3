"""What the header of a model file must say, as a schema: a missing or wrong entry is one line with its name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, Json, ValidationError, model_validator

from refsr.core.errors import DataError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.sampling import SamplingOptions
from refsr.core.options.section import Section
from refsr.data.masks import Encoding, MaskSource

Checked = TypeVar("Checked", bound=Section)


class CardMasks(Section):
    """How change masks became numbers."""

    encoding: Encoding = "grey"
    values: list[int] | None = None
    source: MaskSource | None = "file"


class CardIntervals(Section):
    """Logarithms of half-widths at increasing logarithms of what predicts them."""

    predicted: list[float] = Field(min_length=2)
    half_widths: list[float]

    @model_validator(mode="after")
    def _rises(self) -> CardIntervals:
        if len(self.predicted) != len(self.half_widths):
            raise ValueError("predicted and half_widths differ in length")
        if any(right <= left for left, right in pairwise(self.predicted)):
            raise ValueError("predicted is not increasing")
        return self


class CardSpread(CardIntervals):
    """Intervals by the deviation over so many images, as `inference/spread.py` has it."""

    samples: int = Field(ge=2)


class CardErrors(CardIntervals):
    """A predictor of errors with its intervals, as `inference/error_model.py` has it."""

    means: list[float]
    stds: list[Annotated[float, Field(gt=0)]]
    slopes: list[list[float]]
    bias: float

    @model_validator(mode="after")
    def _fits(self) -> CardErrors:
        if not len(self.means) == len(self.stds) == len(self.slopes):
            raise ValueError("means, stds and slopes are of different numbers of features")
        return self


class CardTrust(Section):
    """How results are held to LR where nobody asks for anything else, and how large their errors are."""

    consistent: Literal["off", "soft", "hard"] = "off"
    response: str = "bicubic"
    softness: float = Field(default=10.0, gt=0)
    guard_floor: float = Field(default=3 / 255, gt=0)
    errors: CardErrors | None = None
    spread: CardSpread | None = None
    calibrated_on: dict[str, Any] = Field(default_factory=dict)


class CardHeader(Section):
    """The texts of a header; some of them are JSON."""

    model_config = ConfigDict(extra="ignore")

    network: str
    keywords: Json[dict[str, Any]]
    model: str
    origin: Json[dict[str, Any]]
    sampling: Json[dict[str, Any]] = Field(default_factory=dict)
    masks: Json[dict[str, Any]] = Field(default_factory=dict)
    cubes: Json[dict[str, Any]] = Field(default_factory=dict)
    trust: Json[dict[str, Any]] = Field(default_factory=dict)
    sources: Json[dict[str, str]] = Field(default_factory=dict)


SECTIONS: Mapping[str, tuple[type[Section], Mapping[str, Any]]] = {
    "sampling": (SamplingOptions, {}),
    "masks": (CardMasks, {}),
    "cubes": (DatasetOptions, {"mode": "hyperspectral"}),
    "trust": (CardTrust, {}),
}
"""What entries are, and what they leave unsaid."""


def check_header(header: Mapping[str, str], path: object) -> CardHeader:
    """The header's entries; a DataError names the file and the first entry that is wrong."""
    found = _validated(CardHeader, header, path, "")
    for name, (schema, more) in SECTIONS.items():
        _validated(schema, {**more, **getattr(found, name)}, path, f"{name}.")
    return found


def _validated(schema: type[Checked], content: Mapping[str, Any], path: object, above: str) -> Checked:
    try:
        return schema.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = above + ".".join(map(str, first["loc"]))
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise DataError(f"{path}: its header is wrong at {key}: {reason}") from error
