"""An image of a test set as `refsr val` saved it: its LR, reference and HR, and what each method made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.evaluation.baselines import BASELINES, DAT
from refsr.evaluation.evidence import PREFIX
from refsr.evaluation.results import FILE, FOLDER, Results, picture_file, results_folders
from refsr.view.layers import Role
from refsr.view.opening import NamedFile

MEMBERS: dict[str, Role] = {"lr": "lr", "ref": "ref", "hr": "other"}


def case_files(runs: Sequence[str], image: str, dataset: str | None = None) -> list[NamedFile]:
    """The pictures of an image in the results of runs; each run is named by its folder, or by one of its results.

    What several runs share, such as LR, is taken from the first. `dataset` names the data set where a run has results
    on several.
    """
    found: dict[str, NamedFile] = {}
    for number, run in enumerate(runs):
        folder = _results_folder(Path(run), dataset)
        results = Results.read(folder)
        if image not in results.pictures:
            raise DataError(_missing(folder, image, results))
        own = f"{results.run}: " if len(runs) > 1 else ""
        for name, file in results.pictures[image].items():
            shared = name in MEMBERS or name in BASELINES or name == DAT
            key = name if shared else f"{number} {name}"
            path = str(picture_file(folder, file))
            found.setdefault(key, NamedFile(_role(name, results), path, _title(name, "" if shared else own)))
    # The restored image first: the scene is named after it.
    return sorted(found.values(), key=lambda file: file.role != "sr")


def _results_folder(run: Path, dataset: str | None) -> Path:
    if (run / FILE).is_file():
        return run
    folders = {folder.name: folder for folder in results_folders(run)}
    if not folders:
        raise DataError(f"{run}: has no {FOLDER}/*/{FILE}; refsr val writes them")
    if dataset is None and len(folders) > 1:
        raise UsageError(f"{run}: has results on {', '.join(folders)}; say which by --dataset")
    name = dataset or next(iter(folders))
    if name not in folders:
        raise UsageError(f"{run}: has no results on {name!r}{suggestion(name, folders)} (known: {', '.join(folders)})")
    return folders[name]


def _missing(folder: Path, image: str, results: Results) -> str:
    if not results.pictures:
        return f"{folder}: has no pictures; refsr val saves them, unless it is given --no-images"
    return f"{folder}: has no picture of {image!r}{suggestion(image, results.pictures)}"


def _role(name: str, results: Results) -> Role:
    if name in MEMBERS:
        return MEMBERS[name]
    return "sr" if name == results.run else "other"


def _title(name: str, run: str) -> str:
    if name in MEMBERS:
        return name.upper() if name != "ref" else "Ref"
    if name.startswith(PREFIX):
        return f"{run}{name.removeprefix(PREFIX)}, 0 to 255"
    return name
