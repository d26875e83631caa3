"""What tests of archives share."""

from archive_fixtures import enlarging, immediate

__all__ = ["enlarging", "immediate"]
