"""Images that lie in class folders have their class in their name: `class/name`."""

from __future__ import annotations

from collections.abc import Iterable


def class_of(image: str) -> str:
    """The folder part of an image's name; empty where there is none."""
    return image.rpartition("/")[0]


def classes_of(images: Iterable[str]) -> list[str]:
    """The classes of these images by name; none unless there are two at least, as one class tells nothing apart."""
    found = sorted({class_of(image) for image in images} - {""})
    return found if len(found) > 1 else []
