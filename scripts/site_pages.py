"""What the documentation site needs beside docs/: a hook of mkdocs, named in mkdocs.yml.

The rooms' READMEs and the notebooks become pages, the pictures of figures/ are copied, and links lead there. A link to
a file of the repository that the site does not have becomes the file's path. Drawings are put into their pages, so
that they take the page's colours.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
READMES = (
    "codes/README.md",
    "codes/refsr/*/README.md",
    "codes/ops_dcn_v3/README.md",
    "codes/example/README.md",
    "codes/example/*/README.md",
    "options/README.md",
    "dataset/README.md",
    "scripts/README.md",
    "benchmarks/README.md",
    "figures/README.md",
    "tests/README.md",
    "tests/parity/README.md",
)
SHORTER = (("codes/refsr/", ""), ("codes/ops", "ops"), ("codes/", ""))
"""What a room's page is called: its folder without these beginnings."""
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")
DRAWING = re.compile(r'<img [^>]*?src="[^"]*?figures/(?P<name>[\w-]+)\.svg"[^>]*?>')


def extra_pages() -> dict[str, str]:
    """Pages and pictures that mkdocs does not find in docs/: path in the repository, then path in the site."""
    found = {}
    for pattern in READMES:
        for readme in sorted(ROOT.glob(pattern)):
            source = readme.relative_to(ROOT).as_posix()
            name = posixpath.dirname(source)
            for long, short in SHORTER:
                if name.startswith(long):
                    name = short + name.removeprefix(long)
                    break
            found[source] = f"rooms/{name.replace('/', '-')}.md"
    for page in sorted((ROOT / "codes/refsr/models").glob("[!R]*.md")):
        found[page.relative_to(ROOT).as_posix()] = f"models/{page.name}"
    for notebook in sorted((ROOT / "docs/notebooks").glob("*.ipynb")):
        found[notebook.relative_to(ROOT).as_posix()] = f"notebooks/{notebook.stem}.md"
    for picture in sorted((ROOT / "figures").glob("*.png")):
        found[picture.relative_to(ROOT).as_posix()] = f"pictures/{picture.name}"
    return found


def notebook_page(notebook: Path) -> str:
    """A notebook as Markdown, its stored outputs below their cells."""
    parts = [f"[Download this page as a notebook]({notebook.name})"]
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            if output["output_type"] == "stream":
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif "text/html" in output["data"]:
                parts.append("".join(output["data"]["text/html"]))
            else:
                parts.append(f'<img alt="output" src="data:image/png;base64,{output["data"]["image/png"]}">')
    # The page's title comes first.
    return "\n\n".join([parts[1], parts[0], *parts[2:]])


def relinked(markdown: str, source: str, pages: Mapping[str, str]) -> str:
    """A page's text, its links leading where `pages` (repository to site) and docs/ are in the site."""

    def corrected(found: re.Match[str]) -> str:
        target, _, anchor = found["target"].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = pages.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if place is None:
            return f"`{path}`" if found["text"].strip("`") == path else f"{found['text']} (`{path}`)"
        here = pages.get(source) or source.removeprefix("docs/")
        near = posixpath.relpath(place, posixpath.dirname(here) or ".")
        return f"{found['picture']}[{found['text']}]({near}{'#' if anchor else ''}{anchor})"

    kept: list[str] = []
    begin = 0
    for fence in FENCE.finditer(markdown):
        kept += [LINK.sub(corrected, markdown[begin : fence.start()]), fence[0]]
        begin = fence.end()
    return "".join([*kept, LINK.sub(corrected, markdown[begin:])])


def on_config(config: Any) -> None:
    """mkdocs has read mkdocs.yml: the rooms come last in the navigation."""
    rooms = [place for place in extra_pages().values() if place.startswith(("rooms/", "models/"))]
    named = [{posixpath.basename(place).removesuffix(".md"): place} for place in rooms]
    config["nav"].append({"Rooms": named})


def on_files(files: Any, config: Any) -> Any:
    """mkdocs asks which files there are."""
    from mkdocs.structure.files import File

    for source, place in extra_pages().items():
        if source.endswith(".ipynb"):
            files.append(File.generated(config, place, content=notebook_page(ROOT / source)))
        else:
            files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """mkdocs has read a page."""
    if page.parent is None:
        # A page beside no others needs no list of them.
        page.meta["hide"] = ["navigation"]
    pages = extra_pages()
    source = {place: path for path, place in pages.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return relinked(markdown, source, pages)


def on_page_content(html: str, **_: Any) -> str:
    """mkdocs has made HTML of a page."""

    def drawing(found: re.Match[str]) -> str:
        file = ROOT / "docs" / "figures" / f"{found['name']}.svg"
        return f'<span class="drawing">{file.read_text()}</span>'

    return DRAWING.sub(drawing, html)
