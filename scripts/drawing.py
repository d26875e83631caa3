"""Boxes and arrows as SVG for light and dark pages, used by `network_drawings.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

LINE = 16
"""Height of a line of text."""

COLOURS = {
    "ink": ("#1c2733", "#e6ebf0"),
    "line": ("#5b6b7b", "#9fb0c0"),
    "image": ("#dde8f3", "#24384d"),
    "step": ("#f0eee6", "#33332d"),
    "moves": ("#d8eee2", "#1e4634"),
    "weighs": ("#efe2f4", "#46304f"),
    "discriminator": ("#f8e0dc", "#54302a"),
    "group": ("#8795a4", "#6c7c8c"),
}
"""By name, on light and on dark pages."""


def _variables(dark: bool) -> str:
    return "".join(f"--{name}:{pair[dark]};" for name, pair in COLOURS.items())


# An image in a page follows the reader's system; inside the site's pages it follows their own switch.
STYLE = (
    f"svg.drawing{{{_variables(False)}font:13px system-ui,sans-serif}}"
    f"@media(prefers-color-scheme:dark){{svg.drawing{{{_variables(True)}}}}}"
    f"[data-md-color-scheme=default] svg.drawing{{{_variables(False)}}}"
    f"[data-md-color-scheme=slate] svg.drawing{{{_variables(True)}}}"
    "svg.drawing text{fill:var(--ink);text-anchor:middle}"
    "svg.drawing text.note{font-size:12px}"
    "svg.drawing text.left{text-anchor:start}"
    "svg.drawing rect{stroke:var(--line);stroke-width:1}"
    "svg.drawing rect.group{fill:none;stroke:var(--group);stroke-dasharray:4 4}"
    "svg.drawing path.arrow{fill:none;stroke:var(--line);stroke-width:1.5}"
    "svg.drawing path.tip{fill:var(--line)}"
    + "".join(f"svg.drawing rect.{name}{{fill:var(--{name})}}" for name in list(COLOURS)[2:-1])
)


@dataclass(frozen=True)
class Box:
    """Position and size of a box."""

    x: float
    y: float
    width: float
    height: float

    def side(self, name: str, at: float) -> tuple[float, float]:
        """A point on its top, bottom, left or right side, `at` of the way along it."""
        if name in ("top", "bottom"):
            return self.x + at * self.width, self.y + (self.height if name == "bottom" else 0)
        return self.x + (self.width if name == "right" else 0), self.y + at * self.height


@dataclass
class Drawing:
    """A drawing: parts in drawing order."""

    name: str
    title: str
    width: int
    height: int
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, text: str, kind: str = "step", height: float = 0) -> Box:
        """A box with centred lines of text."""
        lines = text.split("\n")
        tall = height or LINE * len(lines) + 14
        self.parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{tall:g}" rx="6"/>')
        first = y + tall / 2 - LINE * (len(lines) - 1) / 2 + 4.5
        for count, line in enumerate(lines):
            weight = ' font-weight="600"' if count == 0 and len(lines) > 1 else ""
            at = f'x="{x + width / 2:g}" y="{first + LINE * count:g}"'
            self.parts.append(f"<text {at}{weight}>{escape(line)}</text>")
        return Box(x, y, width, tall)

    def group(self, x: float, y: float, width: float, height: float, text: str, low: bool = False) -> Box:
        """A dashed frame with its name inside, at the top left or `low` at the bottom."""
        self.parts.append(
            f'<rect class="group" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="10"/>'
            f'<text class="note left" x="{x + 10:g}" y="{y + (height - 9 if low else 17):g}">{escape(text)}</text>'
        )
        return Box(x, y, width, height)

    def note(self, x: float, y: float, text: str) -> None:
        """Text that starts at x, beside an arrow."""
        for count, line in enumerate(text.split("\n")):
            self.parts.append(f'<text class="note left" x="{x:g}" y="{y + 15 * count:g}">{escape(line)}</text>')

    def arrow(
        self, one: Box, other: Box, leaves: str = "bottom", enters: str = "top", at: float = 0.5, into: float = 0.5
    ) -> None:
        """From a side of one box to a side of another, with corners if they do not face each other."""
        (x, y), (to_x, to_y) = one.side(leaves, at), other.side(enters, into)
        upright = (leaves in ("top", "bottom"), enters in ("top", "bottom"))
        if upright == (True, True):
            middle = (y + to_y) / 2
            path = f"M{x:g} {y:g}V{middle:g}H{to_x:g}V{to_y:g}" if x != to_x else f"M{x:g} {y:g}V{to_y:g}"
        elif upright == (False, False):
            middle = (x + to_x) / 2
            path = f"M{x:g} {y:g}H{middle:g}V{to_y:g}H{to_x:g}" if y != to_y else f"M{x:g} {y:g}H{to_x:g}"
        elif upright[0]:
            path = f"M{x:g} {y:g}V{to_y:g}H{to_x:g}"
        else:
            path = f"M{x:g} {y:g}H{to_x:g}V{to_y:g}"
        along, across = {"top": (0, -1), "bottom": (0, 1), "left": (-1, 0), "right": (1, 0)}[enters]
        corners = [
            (to_x + 8 * along + 4 * across, to_y + 8 * across + 4 * along),
            (to_x + 8 * along - 4 * across, to_y + 8 * across - 4 * along),
        ]
        tip = f"M{to_x:g} {to_y:g}" + "".join(f"L{a:g} {b:g}" for a, b in corners) + "Z"
        self.parts.append(f'<path class="arrow" d="{path}"/><path class="tip" d="{tip}"/>')

    def svg(self) -> str:
        """The SVG, one part on each line."""
        head = (
            f'<svg class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'role="img" aria-labelledby="{self.name}-says">'
        )
        title = f'<title id="{self.name}-says">{escape(self.title)}</title>'
        return "\n".join([head, title, f"<style>{STYLE}</style>", *self.parts, "</svg>"]) + "\n"
