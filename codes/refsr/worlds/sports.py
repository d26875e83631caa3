"""Sports grounds: pitches with lines and mowing stripes, running tracks, tennis courts, playgrounds."""

from __future__ import annotations

import numpy as np

from refsr.worlds.canvas import Canvas, Rows
from refsr.worlds.frame import Points, Rect, ellipse, strip
from refsr.worlds.greenery import scattered, tree, vary

Generator = np.random.Generator


def sports(canvas: Canvas, generator: Generator, rect: Rect, state: Generator) -> None:
    """A pitch, with a track around it where there is room, courts beside it."""
    canvas.paint(rect.outline(), "grass_green", vary(generator, 0.08))
    inner = rect.inset(4)
    along_u = inner.width >= inner.height
    length, depth = inner.sides(along_u)
    if length > 120 and depth > 66:
        pitch_length, pitch_depth = 92.0, 54.0
        track(canvas, generator, inner.centre, along_u, pitch_length - 10, pitch_depth / 2 + 5)
    else:
        pitch_length, pitch_depth = min(length * 0.62, 88.0), min(depth * 0.85, 56.0)
    centre = inner.centre
    half = (pitch_length / 2, pitch_depth / 2) if along_u else (pitch_depth / 2, pitch_length / 2)
    shift = 0.0 if length > 120 and depth > 66 else (length - pitch_length) / 2 - 2
    centre = (centre[0] - shift, centre[1]) if along_u else (centre[0], centre[1] - shift)
    pitch(
        canvas,
        generator,
        Rect(centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1]),
        along_u,
    )
    rest = (
        Rect(centre[0] + half[0] + 4, inner.v0, inner.u1, inner.v1)
        if along_u
        else Rect(inner.u0, centre[1] + half[1] + 4, inner.u1, inner.v1)
    )
    if min(rest.width, rest.height) > 18:
        courts(canvas, generator, rest)
    for point in scattered(generator, rect.inset(1.5), 11):
        on_edge = min(point[0] - rect.u0, rect.u1 - point[0], point[1] - rect.v0, rect.v1 - point[1]) < 4
        if on_edge and generator.random() < 0.6:
            tree(canvas, generator, point, float(generator.uniform(3, 7)))


def pitch(canvas: Canvas, generator: Generator, rect: Rect, along_u: bool) -> None:
    """Turf in stripes with the lines of football."""
    _, angle = canvas.frame.local(rect.centre)
    stripes = Rows(angle + (0.0 if along_u else np.pi / 2), 10.5 / canvas.frame.fine, 0.09)
    canvas.paint(rect.outline(), "turf", vary(generator, 0.08), stripes)
    paint = canvas.add_object("road_paint", (0.75, 0.78, 0.72))
    inner = rect.inset(2)
    _frame_lines(canvas, paint, inner)
    middle = (
        [(inner.centre[0], inner.v0), (inner.centre[0], inner.v1)]
        if along_u
        else [(inner.u0, inner.centre[1]), (inner.u1, inner.centre[1])]
    )
    canvas.draw(strip(np.array(middle), 0.02), paint)
    _ring(canvas, paint, ellipse(inner.centre, 8, 8))
    size = (14.0, min(36.0, inner.height * 0.7)) if along_u else (min(36.0, inner.width * 0.7), 14.0)
    for end in (0, 1):
        if along_u:
            u = inner.u0 if end == 0 else inner.u1 - size[0]
            box = Rect(u, inner.centre[1] - size[1] / 2, u + size[0], inner.centre[1] + size[1] / 2)
        else:
            v = inner.v0 if end == 0 else inner.v1 - size[1]
            box = Rect(inner.centre[0] - size[0] / 2, v, inner.centre[0] + size[0] / 2, v + size[1])
        _frame_lines(canvas, paint, box)


def track(
    canvas: Canvas, generator: Generator, centre: tuple[float, float], along_u: bool, straight: float, radius: float
) -> None:
    """A running track of six lanes around a field."""

    def oval(r: float) -> Points:
        t = np.linspace(-np.pi / 2, np.pi / 2, 24)
        right = np.stack([straight / 2 + r * np.cos(t), r * np.sin(t)], 1)
        points = np.concatenate([right, -right])
        outline: Points = np.asarray(centre) + (points if along_u else points[:, ::-1])
        return outline

    canvas.paint(oval(radius + 7.6), "track_red", vary(generator, 0.1))
    paint = canvas.add_object("road_paint", (0.72, 0.5, 0.45))
    for lane in range(7):
        _ring(canvas, paint, oval(radius + 0.2 + lane * 1.22))
    canvas.paint(oval(radius), "turf", vary(generator, 0.06))


def courts(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """Tennis courts side by side, or a playground."""
    if min(rect.width, rect.height) < 19 or generator.random() < 0.3:
        area = Rect(rect.centre[0] - 8, rect.centre[1] - 8, rect.centre[0] + 8, rect.centre[1] + 8)
        canvas.paint(ellipse(area.centre, 8, 7), "sand", vary(generator, 0.06))
        for _ in range(5):
            spot = generator.uniform((area.u0 + 3, area.v0 + 3), (area.u1 - 3, area.v1 - 3))
            canvas.paint(ellipse((spot[0], spot[1]), 1.0, 0.6), "car_paint", (1.6, 0.5, 0.2), height=1.5)
        return
    surface = str(generator.choice(["court", "track_red", "turf"]))
    along_u = rect.height > rect.width
    step, v = 18.5, 0.0
    longest = rect.height if along_u else rect.width
    while v + step <= longest and v < 2 * step:
        c = (rect.centre[0], rect.v0 + v + step / 2) if along_u else (rect.u0 + v + step / 2, rect.centre[1])
        half = (17.0, 8.6) if along_u else (8.6, 17.0)
        half = (min(half[0], rect.width / 2), min(half[1], rect.height / 2))
        ground = Rect(c[0] - half[0], c[1] - half[1], c[0] + half[0], c[1] + half[1])
        canvas.paint(ground.corners(), surface, vary(generator, 0.1))
        paint = canvas.add_object("road_paint", (0.75, 0.75, 0.75))
        play = Rect(c[0] - half[0] * 0.7, c[1] - half[1] * 0.62, c[0] + half[0] * 0.7, c[1] + half[1] * 0.62)
        _frame_lines(canvas, paint, play)
        _frame_lines(
            canvas,
            paint,
            Rect(
                play.u0 + play.width * 0.25,
                play.v0 + play.height * 0.25,
                play.u1 - play.width * 0.25,
                play.v1 - play.height * 0.25,
            ),
        )
        v += step


def _frame_lines(canvas: Canvas, paint: int, rect: Rect) -> None:
    corners = rect.corners()
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        canvas.draw(strip(np.array([a, b]), 0.02), paint)


def _ring(canvas: Canvas, paint: int, outline: Points, half: float = 0.02) -> None:
    closed = np.concatenate([outline, outline[:2]])
    for at in range(len(closed) - 1):
        canvas.draw(strip(closed[at : at + 2], half), paint)
