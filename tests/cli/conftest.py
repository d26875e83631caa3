"""What tests of `refsr archive` share with those of the room."""

from archive_fixtures import enlarging, immediate

__all__ = ["enlarging", "immediate"]
