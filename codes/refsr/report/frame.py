"""The frame of every page: styles, scripts, light and dark colours, and a policy that forbids fetching."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from string import Template

from refsr.core.version import __version__
from refsr.report.html import Html, join, tag

STYLES = ("style.css", "viewer.css")
SCRIPTS = ("theme.js", "readout.js", "viewer.js")


def framed(title: str, links: Sequence[tuple[str, str]], content: Html) -> str:
    """A whole page; `links` are targets and names of its sections."""
    script = "\n".join(asset(name) for name in SCRIPTS)
    return Template(asset("page.html")).substitute(
        title=tag("title", title),
        version=__version__,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style="\n".join(asset(name) for name in STYLES),
        script=script,
        links=join(tag("a", name, href=target) for target, name in links),
        content=content,
    )


def asset(name: str) -> str:
    """A file that pages are made from."""
    return (resources.files("refsr.report") / "assets" / name).read_text(encoding="utf-8")
