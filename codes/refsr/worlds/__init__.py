"""Synthetic overhead scenes with known truth: `make` gives one as arrays, `refsr world` writes a folder of them."""

from refsr.worlds.in_memory import SyntheticScene, make

__all__ = ["SyntheticScene", "make"]
