"""The small run, for the tests of this room."""

from small_run import option_file, options, trained

__all__ = ["option_file", "options", "trained"]
