"""What a running viewer holds: the scene that is shown, the models, uploads, and a folder for their files."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from importlib import resources
from pathlib import Path
from types import TracebackType

from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.foreign_files import require_pixels
from refsr.data.images import file_kind, probe_image
from refsr.geo.block_cache import bounded_cache
from refsr.view.opening import NamedFile, open_scene
from refsr.view.overviews import MissingOverviews
from refsr.view.restoring import Workshop
from refsr.view.scene import Scene
from refsr.view.tiles import warm_up

MOST_UPLOAD = 256 << 20
"""Bytes of an image that is dropped on the page."""
MOST_UPLOAD_PIXELS = 1 << 26
UPLOADED = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "npy": ".npy"}
"""Kinds of images that are taken, and the suffix that a copy gets. A VRT, which names other files, is none of them."""
ROLES = ("lr", "ref")
CACHE = 256 << 20
"""Bytes of decoded pixels that are kept for tiles beside each other."""


class State:
    """All of it; a context manager that removes the folder at the end."""

    def __init__(self, model: str | None = None, device: str | None = None) -> None:
        warm_up()
        self._folder = Path(tempfile.mkdtemp(prefix="refsr-view-"))
        try:
            self.workshop = Workshop(self._folder, model, device)
        except RefsrError:
            self._folder.rmdir()
            raise
        self._scene: Scene | None = None
        self._overviews: MissingOverviews | None = None
        self._open = contextlib.ExitStack()
        self._pair: dict[str, NamedFile] = {}
        self._lock = threading.Lock()
        self._opened = 0

    def __enter__(self) -> State:
        self._open.enter_context(bounded_cache(least=CACHE))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.workshop.close()
        if self._overviews is not None:
            self._overviews.stop()
        if self._scene is not None:
            self._scene.close()
        self._open.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def scene(self) -> Scene:
        """What is shown."""
        assert self._scene is not None
        return self._scene

    def show(self, files: list[NamedFile], name: str = "") -> Scene:
        """Opens files in place of what was shown."""
        if self.workshop.busy:
            raise UsageError("a rectangle is being restored; cancel it first")
        with self._lock:
            self._opened += 1
            folder = self._folder / f"scene{self._opened}"
            folder.mkdir()
            scene = open_scene(files, folder, name)
            before, self._scene = self._scene, scene
            if self._overviews is not None:
                self._overviews.stop()
            self._overviews = MissingOverviews(scene.layers, folder)
        if before is not None:
            before.close()
        return scene

    def show_example(self) -> Scene:
        """The synthetic pair that is part of the package."""
        return self.show(example_pair(), "synthetic example")

    def upload_file(self, role: str) -> Path:
        """Where an upload of a role goes."""
        if role not in ROLES:
            raise UsageError(f"role {role!r}: expected lr or ref")
        return self._folder / f"upload-{role}"

    def keep_upload(self, role: str, name: str) -> None:
        """Checks an upload that was received."""
        file = self.upload_file(role)
        shown = Path(name.replace("\\", "/")).name[:80] or role
        try:
            kind = file_kind(file)
            if kind not in UPLOADED:
                raise DataError("expected a PNG, JPEG, TIFF or .npy file")
            file = file.replace(file.with_name(f"pair-{role}{UPLOADED[kind]}"))
            info = probe_image(file)
            require_pixels(shown, info.height, info.width, info.bands)
            if info.height * info.width > MOST_UPLOAD_PIXELS:
                raise DataError(
                    f"{info.height}x{info.width} pixels; up to {MOST_UPLOAD_PIXELS:,} are uploaded, larger files are "
                    "named: refsr view --lr LR.tif --ref REF.tif"
                )
        except DataError as error:
            file.unlink(missing_ok=True)
            text = str(error).replace(str(file), shown)
            raise DataError(text if text.startswith(shown) else f"{shown}: {text}") from error
        self._pair[role] = NamedFile("lr" if role == "lr" else "ref", str(file), shown)

    def show_pair(self) -> Scene:
        """The uploaded LR, with its reference where there is one."""
        if "lr" not in self._pair:
            raise UsageError("no LR was uploaded")
        files = [self._pair[role] for role in ROLES if role in self._pair]
        try:
            return self.show(files, files[0].shown_name)
        finally:
            self._pair = {}


def example_pair() -> list[NamedFile]:
    """LR and its reference, made by `refsr world`."""
    folder = Path(str(resources.files("refsr") / "view" / "example"))
    return [
        NamedFile("lr", str(folder / "lr.png"), "synthetic LR"),
        NamedFile("ref", str(folder / "ref.png"), "synthetic reference"),
    ]
