"""The vector instructions of this processor, as the system tells them."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def processor_flags() -> frozenset[str]:
    """The names of what the processor can do, as Linux has them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        next((line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "Features"))), [])
    )


def vector_instructions() -> str:
    """AVX512, AVX2, or "none known": the widest that compiled code of ours or torch's may use."""
    flags = processor_flags()
    if {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= flags:
        return "AVX512"
    return "AVX2" if {"avx2", "fma"} <= flags else "none known"


def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; where not, it is emulated, and slower than float32."""
    return not processor_flags().isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})
