"""Imports modules that a user names: by `import:` in an option file, by `--import`, or in the target of a name."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from refsr.core.errors import RefsrError, suggestion

IMPORTED: list[str] = []
"""What was imported so far, each by the word under which another process finds it."""

_folders: list[Path] = []
"""Where those modules lie, beside what Python searches; what they import later is found there, too."""

_running: list[str] = []


def import_module(word: str, beside: Path | None = None) -> str:
    """Imports a module by its name, or a file by its path that ends in .py, so that what it registers is known.

    Modules are looked for where Python looks, then in the folder `beside` (an option file's), then in the working
    folder; paths are relative to the last two. Returns the word under which the module is found from everywhere: its
    name where Python finds it by itself, else the path of its file.
    """
    folders = [folder.absolute() for folder in ([] if beside is None else [beside])] + [Path.cwd()]
    _running.append(word)
    try:
        if word.endswith(".py"):
            module = _import_file(word, folders)
            folders = [Path(str(module.__file__)).parent]
        else:
            module = _import(word, folders)
    finally:
        _running.pop()
    file = Path(module.__file__) if module.__file__ else None
    home = next((folder for folder in folders if file is not None and folder == file.parent), None)
    found = str(file) if home is not None else word
    _folders.extend(folder for folder in folders if folder not in _folders)
    if found not in IMPORTED:
        IMPORTED.append(found)
    return found


def current_import() -> str:
    """The module that is being imported by `import_module`, as its user named it; empty where none is."""
    return _running[-1] if _running else ""


def import_target(module: str, about: str) -> ModuleType:
    """The module of a registered name; `about` begins the message of a failure."""
    try:
        return _import(module, _folders)
    except RefsrError as error:
        raise RefsrError(f"{about}: {error}") from error


def _import(name: str, folders: Sequence[Path]) -> ModuleType:
    importlib.invalidate_caches()
    with _searched(folders):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise RefsrError(_failure(name, error)) from error
            near = suggestion(name, sorted({file.stem for folder in folders for file in folder.glob("*.py")}))
            where = " or ".join(map(str, dict.fromkeys(folders)))
            beyond = f", and none in {where}" if where else ""
            raise RefsrError(f"no module {error.name!r} is installed{beyond}{near}") from error
        except (Exception, SystemExit) as error:
            raise RefsrError(_failure(name, error)) from error


def _import_file(word: str, folders: Sequence[Path]) -> ModuleType:
    file = next((path.resolve() for folder in folders if (path := folder / word).is_file()), None)
    if file is None:
        raise RefsrError(f"no file {word!r} in {' or '.join(map(str, dict.fromkeys(folders)))}")
    name = file.stem
    if name in sys.modules:
        known = getattr(sys.modules[name], "__file__", None)
        if known is not None and Path(known).resolve() == file:
            return sys.modules[name]
        raise RefsrError(f"{word}: a module {name!r} is loaded already, from {known or 'elsewhere'}; rename the file")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    with _searched([file.parent]):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise RefsrError(_failure(word, error)) from error
    return module


@contextlib.contextmanager
def _searched(folders: Sequence[Path]) -> Iterator[None]:
    """Lets Python search the folders, too, after those that it searches anyway."""
    added = [str(folder) for folder in dict.fromkeys(folders) if str(folder) not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for folder in added:
            if folder in sys.path:
                sys.path.remove(folder)


def _failure(name: str, error: BaseException) -> str:
    """One line: what an import ended with, and the file and line of the user's own code where it did."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{name} cannot be imported: {type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename not in (__file__, importlib.__file__)
    ]
    own = [frame for frame in frames if Path(frames[0].filename).parent in Path(frame.filename).parents]
    where = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    return f"{name} cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}{where}"
