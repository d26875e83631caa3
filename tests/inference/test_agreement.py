"""Whether images go together is seen in their headers, before one of them is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.data.images import files, write_image
from refsr.inference.agreement import check_headers
from refsr.inference.inputs import RestoreOptions
from refsr.networks.descriptor import Descriptor

TAKES_ALL = Descriptor(4, 3, ("lr", "ref", "mask", "hsi"))
OPTIONS = RestoreOptions(register="none")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """LR of 8 x 12 with a Ref, a mask and a cube that go with it; whoever decodes one of them fails."""
    sizes = {"lr": (8, 12, 3), "ref": (32, 48, 3), "mask": (32, 48, 1)}
    for role, size in sizes.items():
        write_image(tmp_path / f"{role}.png", np.zeros(size, np.uint8))
    np.save(tmp_path / "hsi.npy", np.zeros((16, 24, 7), np.float32))
    monkeypatch.setattr(files, "decode", lambda *_: pytest.fail("decoded"))
    return {**{role: tmp_path / f"{role}.png" for role in sizes}, "hsi": tmp_path / "hsi.npy"}


def test_images_that_go_together(images: dict[str, Path]) -> None:
    check_headers(images, OPTIONS, TAKES_ALL)


@pytest.mark.parametrize(
    ("role", "says"),
    [
        ("ref", r"ref\.png: is 32x44; beside .*lr\.png of 8x12, scale 4 needs 32x48"),
        ("mask", r"mask\.png: is 32x44; beside .*lr\.png of 8x12, scale 4 needs 32x48"),
        ("hsi", r"hsi\.npy: is 32x44, which does not divide 32x48, the size of .*lr\.png times 4"),
    ],
)
def test_one_that_does_not(role: str, says: str, images: dict[str, Path]) -> None:
    if role == "hsi":
        np.save(images[role], np.zeros((32, 44, 7), np.float32))
    else:
        write_image(images[role], np.zeros((32, 44, 1 if role == "mask" else 3), np.uint8))
    with pytest.raises(DataError, match=says):
        check_headers(images, OPTIONS, TAKES_ALL)


def test_what_the_network_does_not_take_is_not_looked_at(images: dict[str, Path]) -> None:
    """What is wrong then is that it was given."""
    (images["hsi"]).write_bytes(b"none")
    check_headers(images, OPTIONS, Descriptor(4, 3, ("lr", "ref")))
