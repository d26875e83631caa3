"""Limits of the system that a command runs into, in words."""

from __future__ import annotations

from refsr.core.memory import is_out_of_memory


def limit_reached(error: BaseException) -> str | None:
    """What to say of an error that comes from a limit and not from a mistake in the program; None for others."""
    if isinstance(error, RecursionError):
        return "what is read is nested too deep"
    if not is_out_of_memory(error):
        return None
    first = str(error).partition("\n")[0].strip()
    said = f" ({first})" if first else ""
    return f"not enough memory{said}; free some, raise the limit (ulimit -v), or use smaller images or tiles"
