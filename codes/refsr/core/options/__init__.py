"""Option files: one typed schema, and a loader that names every mistake by its line."""

from refsr.core.errors import OptionsError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.load import Examined, examine, load_options
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions, NetworkOptions
from refsr.core.options.problems import Problem
from refsr.core.options.schema import LoggerOptions, Options, PathOptions, ValOptions
from refsr.core.options.train import TrainOptions

__all__ = [
    "DatasetOptions",
    "DiscriminatorOptions",
    "Examined",
    "GeneratorOptions",
    "LoggerOptions",
    "NetworkOptions",
    "Options",
    "OptionsError",
    "PathOptions",
    "Problem",
    "TrainOptions",
    "ValOptions",
    "examine",
    "load_options",
]
