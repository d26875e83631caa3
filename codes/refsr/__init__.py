"""refsr: reference-based super-resolution of remote-sensing images."""

__version__ = "0.1.0"
