"""`python -m refsr` is the command `refsr`."""

from refsr.cli.main import entry

entry()
