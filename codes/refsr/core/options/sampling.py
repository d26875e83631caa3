"""The `sampling` section: how a diffusion model samples an image; other models do not use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from refsr.core.errors import UsageError, suggestion
from refsr.core.options.section import Section


class SamplingOptions(Section):
    """How a diffusion model samples an image, from noise or from LR."""

    sampler: Literal["published", "heun", "dpm2m", "dpm3m", "unipc"] = Field(
        default="unipc",
        description="published: Heun with added noise (S_churn), as in the released code; heun: Heun without; dpm2m, "
        "dpm3m: DPM-Solver++ of order 2 or 3; unipc: UniPC",
    )
    steps: int = Field(
        default=18,
        ge=1,
        description="noise levels; one network evaluation (NFE) each, two with published and heun except at the last",
    )
    start: Literal["released", "noise", "enlarged"] = Field(
        default="noise",
        description="where sampling starts. noise: pure noise; enlarged: upsampled LR with noise of the first level, "
        "which sigma_max may lower; released: upsampled LR times the first noise level, "
        "without noise, as in the released code; with sampler: published this samples as the released code does",
    )
    sigma_min: float = Field(default=0.002, gt=0, description="last noise level before zero")
    sigma_max: float = Field(default=80.0, gt=0, description="first noise level")
    rho: float = Field(
        default=7.0, gt=0, description="exponent of the noise levels: the larger, the closer levels lie at the end"
    )
    S_churn: float = Field(
        default=40.0, ge=0, description="published: amount of noise added while sampling, over all steps"
    )
    S_min: float = Field(default=0.05, ge=0, description="published: lowest noise level at which noise is added")
    S_max: float = Field(default=50.0, ge=0, description="published: highest noise level at which noise is added")
    S_noise: float = Field(default=1.003, gt=0, description="published: standard deviation of the added noise")
    consistency: Literal["none", "end", "every"] = Field(
        default="none",
        description="make the downsampled result equal LR: never, at the end, or in every estimate during sampling",
    )
    reduction: Literal["bicubic", "box"] = Field(
        default="bicubic", description="how LR was downsampled, for consistency"
    )
    seed: int | None = Field(default=None, ge=0, description="seed of the noise; none: the run's, else 0")
    winograd: bool = Field(
        default=True,
        description="Winograd algorithm for wide convolutions on a CPU in fp32: faster, equal up to rounding; kernels "
        "take four times the memory while sampling",
    )
    cache_conditions: bool = Field(
        default=True, description="compute features of the conditions once for all steps; false: less memory, more time"
    )


def sampling_with(start: SamplingOptions, values: Mapping[str, Any]) -> SamplingOptions:
    """`start` with other values for some keys, such as {"steps": 12}; a UsageError for the first that is wrong."""
    known = SamplingOptions.model_fields
    for key in values:
        if key not in known:
            raise UsageError(f"sampling has no key {key!r}{suggestion(str(key), known)} (known: {', '.join(known)})")
    try:
        return SamplingOptions.model_validate(start.model_dump(exclude_unset=True) | dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"sampling {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
