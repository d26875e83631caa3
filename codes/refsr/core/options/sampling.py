"""The `sampling` section: how a diffusion model makes an image; other models have no use for it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from refsr.core.options.section import Section


class SamplingOptions(Section):
    """From noise, or LR, to an image."""

    sampler: Literal["published", "heun", "dpm2m", "dpm3m", "unipc"] = Field(
        default="unipc",
        description="published: Heun with churn, as released; heun: without; dpm2m and dpm3m: DPM-Solver++; unipc",
    )
    steps: int = Field(
        default=18,
        ge=1,
        description="noise levels; the network is asked once for each, twice by published and heun but at the last",
    )
    start: Literal["released", "noise", "enlarged"] = Field(
        default="noise",
        description="released: the enlarged LR times the first noise level, without noise; noise: nothing else; "
        "enlarged: the enlarged LR under noise of the first level, which sigma_max may lower",
    )
    sigma_min: float = Field(default=0.002, gt=0, description="the last noise level before zero")
    sigma_max: float = Field(default=80.0, gt=0, description="the first noise level")
    rho: float = Field(default=7.0, gt=0, description="how much closer levels lie at the end than at the start")
    S_churn: float = Field(default=40.0, ge=0, description="published: noise added on the way, shared by all steps")
    S_min: float = Field(default=0.05, ge=0, description="published: lowest noise level at which it is added")
    S_max: float = Field(default=50.0, ge=0, description="published: highest noise level at which it is added")
    S_noise: float = Field(default=1.003, gt=0, description="published: size of the noise that is added")
    consistency: Literal["none", "end", "every"] = Field(
        default="none",
        description="the image reduced again is LR: not asked for, at the end, or of every estimate on the way",
    )
    reduction: Literal["bicubic", "box"] = Field(
        default="bicubic", description="how LR was made, where consistency is asked for"
    )
    seed: int | None = Field(default=None, ge=0, description="seed of the noise; none: the run's, or 0")
    fast: bool = Field(
        default=True,
        description="on a CPU in fp32, wide convolutions by Winograd's way: the same but for rounding, and faster; "
        "kernels take four times their memory meanwhile",
    )
    convolved: bool = Field(
        default=True, description="keep convolved conditions for all steps; false needs less memory and more time"
    )
