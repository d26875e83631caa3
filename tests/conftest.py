"""What all tests share: one thread, a few drawn places, and the folder of real images where there is one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from browser import Browser, chromium, find_chromium
from refsr.core import registry, user_modules
from refsr.data.images import write_image

REPOSITORY = Path(__file__).resolve().parent.parent

# Two workers on two cores: one thread each, or they fight.
torch.set_num_threads(1)

# Whoever starts the tests in the background may have these ignored, and what they start would never see them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images that checks may use; a test that asks for it is skipped where it is absent."""
    folder = Path(os.environ.get("REFSR_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} of real images (REFSR_SHARED names it)")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here (apt-get install chromium, or REFSR_CHROMIUM names one)")
    with chromium(program, tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def no_name_is_left() -> Iterator[None]:
    """What a module of tests registers is gone after it: the next one may count what there is."""
    yield
    places = {name: registry._place(target) for name, target in registry.NAMES["network"].items()}
    left = {name: place for name, place in places.items() if ":" in place and not place.startswith("refsr.")}
    assert not left, "still registered"


@pytest.fixture
def own_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A working folder for modules that register names; what is registered and imported is gone after the test."""
    for kind in registry.NAMES:
        registry.names(kind)  # type: ignore[arg-type]
        monkeypatch.setitem(registry.NAMES, kind, dict(registry.NAMES[kind]))
    monkeypatch.setattr(registry, "SOURCES", dict(registry.SOURCES))
    before, folders = list(user_modules.IMPORTED), list(user_modules._folders)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    user_modules.IMPORTED[:], user_modules._folders[:] = before, folders
    for name in [name for name, one in sys.modules.items() if str(tmp_path) in str(getattr(one, "__file__", ""))]:
        del sys.modules[name]


PLACES = 6
SIDE = 32


def drawn(seed: int) -> np.ndarray:
    """A few coloured waves."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    image = np.zeros((SIDE, SIDE, 3))
    for _ in range(6):
        frequency = generator.uniform(-9, 9, 2)
        wave = np.sin(6.28 * (frequency[0] * rows + frequency[1] * columns) + generator.uniform(0, 6.28))
        image += wave[:, :, None] * generator.uniform(0, 30, 3)
    return np.clip(image + 128, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HR and Ref; the other members are derived."""
    folder = tmp_path_factory.mktemp("places")
    for place in range(PLACES):
        write_image(folder / "HR" / f"{place}.png", drawn(place))
        write_image(folder / "Ref" / f"{place}.png", np.roll(drawn(place), 1, axis=1))
    return folder
