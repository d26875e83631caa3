"""Option files: one typed schema, and a loader that names every mistake by its line."""

from refsr.core.errors import OptionsError
from refsr.core.options.datasets import DatasetOptions

__all__ = ["DatasetOptions", "OptionsError"]
