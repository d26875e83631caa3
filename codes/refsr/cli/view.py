"""Shows rasters and images of one place in the browser: refsr view SR.tif --lr LR.tif --ref REF.tif

A page opens on this machine's loopback address. Any two layers are swiped or shown side by side; they may have any
sizes, resolutions and coordinate systems, and need not be georeferenced. A rectangle drawn there is restored with a
model and the reference. Without a file, a synthetic pair is shown, and a pair of images may be dropped on the page.
`refsr view RUN --case IMAGE` shows an image of a test set with what each method made of it, as refsr val
saved them; several runs are shown together.

The address holds a token: who does not have it gets nothing. Only the files that are named here can be read. Ctrl-C
ends the viewer. It needs the extra view (pip install "refsr[view]") and Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_imports, add_max_pixels
from refsr.core.errors import UsageError

if TYPE_CHECKING:
    from refsr.view.opening import NamedFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="the restored raster or image, and others to show")
    parser.add_argument("--case", metavar="IMAGE", help="show this image of the results of runs; FILE names the runs")
    parser.add_argument("--dataset", metavar="NAME", help="the data set of --case, where a run has results on several")
    parser.add_argument(
        "--lr", metavar="PATH", help="LR: its pixel under the pointer is outlined, and it is restored from"
    )
    parser.add_argument("--ref", action="append", default=[], metavar="PATH", help="reference; may be repeated")
    parser.add_argument(
        "--evidence", action="append", default=[], metavar="FILE.tif", help="what refsr restore --evidence wrote"
    )
    parser.add_argument("--model", metavar="W", help="offer another model file, run or checkpoint to restore with")
    parser.add_argument("--device", metavar="cpu|cuda", help="where to compute (default: the GPU, where there is one)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port to listen on (default: a free one)")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default: loopback)"
    )
    parser.add_argument("--public", action="store_true", help="allow a --host that other machines reach")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.view.safety import Access, require_loopback
    from refsr.view.server import require_packages, serve
    from refsr.view.state import State

    require_packages()
    require_loopback(arguments.host, arguments.public)
    if not 0 <= arguments.port <= 65535:
        raise UsageError(f"--port {arguments.port}: expected 0 to 65535")
    files = _files(arguments)

    def started(access: Access) -> None:
        print(f"refsr view: {access.address}\nCtrl-C ends it", flush=True)
        if not arguments.no_browser:
            import webbrowser

            webbrowser.open(access.address)

    with State(arguments.model, arguments.device) as state:
        if files:
            state.show(files, arguments.case or "")
        else:
            state.show_example()
        try:
            serve(state, arguments.host, arguments.port, started)
        except KeyboardInterrupt:
            print("refsr view: ended")
    return 0


def _files(arguments: argparse.Namespace) -> list[NamedFile]:
    """The files by role: of those without an option, the first is the restored one."""
    from refsr.view.opening import NamedFile

    if arguments.case is not None:
        return _case(arguments)
    if arguments.dataset is not None:
        raise UsageError("--dataset belongs to --case")
    named = [NamedFile("sr" if number == 0 else "other", name) for number, name in enumerate(arguments.files)]
    if arguments.lr is not None:
        named.append(NamedFile("lr", arguments.lr))
    named += [NamedFile("ref", name) for name in arguments.ref]
    named += [NamedFile("evidence", name) for name in arguments.evidence]
    for file in named:
        if not file.source:
            raise UsageError("an empty name; expected a raster or an image")
        if Path(file.source).is_dir() and Path(file.source).suffix.lower() not in (".safe", ".zarr"):
            raise UsageError(f"{file.source}: is a folder; expected a raster or an image, or a run with --case IMAGE")
    return named


def _case(arguments: argparse.Namespace) -> list[NamedFile]:
    """The pictures of an image in the results of the named runs."""
    from refsr.view.cases import case_files

    if arguments.lr is not None or arguments.ref or arguments.evidence:
        raise UsageError("--case finds LR, reference and evidence by itself; leave out --lr, --ref and --evidence")
    if not arguments.files:
        raise UsageError("--case wants the folder of a run: refsr view RUN --case IMAGE")
    return case_files(arguments.files, arguments.case, arguments.dataset)
