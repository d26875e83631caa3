"""Streets with markings, rivers with banks, cars, car parks."""

from __future__ import annotations

import numpy as np

from refsr.worlds.canvas import PLAIN, Canvas, Tint
from refsr.worlds.frame import Points, Rect, densify, strip, turned
from refsr.worlds.greenery import tree, vary
from refsr.worlds.layout_plan import Street

Generator = np.random.Generator

CAR_COLOURS: tuple[Tint, ...] = (
    (2.3, 2.3, 2.3), (2.0, 2.0, 2.0), (1.2, 1.22, 1.25), (0.75, 0.75, 0.78), (0.3, 0.3, 0.32), (0.12, 0.12, 0.13),
    (0.10, 0.10, 0.11), (0.9, 0.14, 0.1), (0.14, 0.24, 0.7), (0.5, 0.44, 0.34), (0.2, 0.32, 0.26),
)  # fmt: skip


def centre_line(street: Street, step: float = 3.0) -> Points:
    """The middle of a street in plan metres."""
    ends = (
        [(street.start, street.at), (street.end, street.at)]
        if street.horizontal
        else [(street.at, street.start), (street.at, street.end)]
    )
    return densify(np.array(ends), step, closed=False)


def shifted(line: Points, offset: float) -> Points:
    """A line moved sideways by `offset` metres."""
    tangent = np.gradient(line, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.hypot(tangent[:, 0], tangent[:, 1])[:, None]
    return line + normal * offset


def river(canvas: Canvas, generator: Generator, street: Street, level: float) -> None:
    """Water between banks; `level` widens it (flood) or narrows it (drought) in metres."""
    line = centre_line(street, 2.0)
    t = np.linspace(0, 1, len(line))
    wander = sum(
        generator.normal() * np.sin(2 * np.pi * k * t + generator.uniform(0, 6.28)) * 5.5 / k for k in (1, 2, 3, 5)
    )
    line = shifted(line, 0.0) + (
        np.stack([np.zeros_like(t), wander], 1) if street.horizontal else np.stack([wander, np.zeros_like(t)], 1)
    )
    rough = np.convolve(generator.normal(0, 1.3, len(line) + 8), np.ones(9) / 3, "valid")
    half = street.width / 2 + rough
    canvas.paint(strip(line, half + 6.5), "grass_green", vary(generator, 0.06))
    canvas.paint(strip(line, half + 3.2), "grass_dry", vary(generator, 0.06))
    canvas.paint(strip(line, half + 1.8), "sand" if generator.random() < 0.4 else "wet_soil", vary(generator, 0.1))
    water = "water_turbid" if generator.random() < 0.5 else "water_clear"
    canvas.paint(strip(line, np.maximum(half + level, 2.0)), water)
    for side in (-1, 1):
        for point in line[:: max(1, int(generator.integers(2, 5)))]:
            if generator.random() < 0.5:
                offset = side * (street.width / 2 + generator.uniform(4.5, 8.0))
                place = point + ((0.0, offset) if street.horizontal else (offset, 0.0))
                tree(canvas, generator, place, float(generator.uniform(2.0, 8.0)))


def pavement(canvas: Canvas, generator: Generator, street: Street) -> None:
    """What lies beside and under a street; drawn for all streets before any asphalt."""
    line = centre_line(street)
    if street.kind == "road" and street.paved:
        canvas.paint(strip(line, street.width / 2 + 2.1), "concrete", vary(generator, 0.08))
    elif street.kind == "road":
        canvas.paint(strip(line, street.width / 2 + 1.6), "grass_dry", vary(generator, 0.08))
        canvas.paint(strip(line, street.width / 2 + 0.4), "gravel", vary(generator, 0.08))
    elif street.kind == "lane":
        material = "concrete" if generator.random() < 0.6 else "grass_green"
        canvas.paint(strip(line, street.width / 2 + 1.5), material, vary(generator, 0.08))


def roadway(canvas: Canvas, generator: Generator, street: Street) -> None:
    """The surface of a street; patched asphalt, wheel tracks on a track."""
    line = centre_line(street)
    tint = vary(generator, 0.16, 0.015)
    if street.kind in ("road", "lane"):
        canvas.paint(strip(line, street.width / 2), "asphalt", tint)
        for side in (-0.25, 0.25):
            worn = tuple(channel * 1.07 for channel in tint)
            canvas.paint(strip(shifted(line, side * street.width), 0.45), "asphalt", (worn[0], worn[1], worn[2]))
        for _ in range(int(generator.poisson(len(line) / 14))):
            at = int(generator.integers(0, max(1, len(line) - 4)))
            offset = float(generator.uniform(-0.3, 0.3)) * street.width
            patch = tuple(channel * float(generator.uniform(0.72, 0.92)) for channel in tint)
            canvas.paint(
                strip(shifted(line[at : at + 4], offset), float(generator.uniform(0.4, 1.1))),
                "asphalt",
                (patch[0], patch[1], patch[2]),
            )
    elif street.kind == "track":
        canvas.paint(strip(line, street.width / 2 + 0.5), "grass_dry", vary(generator, 0.1))
        for side in (-0.75, 0.75):
            canvas.paint(
                strip(shifted(line, side), 0.45), "gravel" if street.number % 2 else "bare_soil", vary(generator, 0.1)
            )


def markings(canvas: Canvas, generator: Generator, street: Street) -> None:
    """Centre dashes, edge lines, a zebra crossing near an end."""
    if street.kind != "road" or street.end - street.start < 30:
        return
    # A line 12 cm wide covers half of a fine pixel: it is drawn a fine pixel wide and half as bright.
    paint = canvas.add_object("road_paint", (0.72, 0.72, 0.7))
    line = centre_line(street, 1.0)
    inner = line[6:-6]
    for at in range(0, len(inner) - 3, 9):
        canvas.draw(strip(inner[at : at + 4], 0.02), paint)
    if street.width > 6.4:
        for side in (-1, 1):
            canvas.draw(strip(shifted(inner, side * (street.width / 2 - 0.35)), 0.02), paint)
    if street.paved and generator.random() < 0.6 and len(line) > 40:
        at = line[9] if generator.random() < 0.5 else line[-9]
        for offset in np.arange(-street.width / 2 + 0.6, street.width / 2 - 0.4, 1.0):
            half = (1.5, 0.14) if street.horizontal else (0.14, 1.5)
            centre = at + ((0.0, offset) if street.horizontal else (offset, 0.0))
            canvas.draw(
                Rect(centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1]).corners(),
                paint,
            )


def car(canvas: Canvas, generator: Generator, at: tuple[float, float], angle: float) -> None:
    """A car at a plan point, heading along `angle` of the plan."""
    length, width = float(generator.uniform(3.9, 4.9)), float(generator.uniform(1.7, 1.95))
    van = generator.random() < 0.12
    if van:
        length, width = float(generator.uniform(5.2, 7.0)), 2.1
    colour = CAR_COLOURS[int(generator.integers(len(CAR_COLOURS)))]
    height = 2.3 if van else 1.45

    def part(u0: float, u1: float, half: float) -> Points:
        return turned([(u0, -half), (u1, -half), (u1, half), (u0, half)], at, angle)

    body = canvas.add_object("car_paint", colour)
    canvas.draw(turned(_rounded(length / 2, width / 2), at, angle), body, height * 0.6)
    glass = canvas.add_object("car_glass", PLAIN)
    canvas.draw(part(-length * 0.34, length * 0.22, width * 0.42), glass, height * 0.8)
    canvas.draw(part(-length * 0.22, length * 0.08, width * 0.41), body, height)


def _rounded(a: float, b: float) -> Points:
    return np.array(
        [
            (-a, -b * 0.7),
            (-a * 0.92, -b),
            (a * 0.85, -b),
            (a, -b * 0.6),
            (a, b * 0.6),
            (a * 0.85, b),
            (-a * 0.92, b),
            (-a, b * 0.7),
        ]
    )


def driving(canvas: Canvas, generator: Generator, street: Street) -> None:
    """Cars on a street, on the right, and parked along lanes."""
    if street.kind not in ("road", "lane"):
        return
    line = centre_line(street, 1.0)
    heading = 0.0 if street.horizontal else np.pi / 2
    for _ in range(int(generator.poisson(len(line) / (38 if street.kind == "road" else 80)))):
        side = int(generator.choice([-1, 1]))
        at = line[int(generator.integers(len(line)))]
        offset = side * street.width * 0.25
        place = at + ((0.0, offset) if street.horizontal else (offset, 0.0))
        car(canvas, generator, (place[0], place[1]), heading + (np.pi if side > 0 else 0.0))
    if street.kind == "lane" and generator.random() < 0.7:
        for at in line[8:-8:6]:
            if generator.random() < 0.3:
                offset = -(street.width / 2 - 0.9)
                place = at + ((0.0, offset) if street.horizontal else (offset, 0.0))
                car(canvas, generator, (place[0], place[1]), heading + generator.normal(0, 0.02))


def carpark(canvas: Canvas, generator: Generator, rect: Rect, cars: Generator, full: float = 0.6) -> None:
    """Asphalt with bays in double rows; `generator` draws the ground, `cars` who is there."""
    canvas.paint(rect.outline(), "asphalt", vary(generator, 0.15, 0.01))
    paint = canvas.add_object("road_paint", (0.62, 0.62, 0.61))
    inner = rect.inset(1.5)
    along_u = inner.width > inner.height
    length, depth = inner.sides(along_u)
    v = 0.0
    while v + 10.2 <= depth or v == 0.0:
        for row in (v, v + 5.1):
            for slot in range(int(length / 2.6)):
                u = slot * 2.6
                canvas.draw(inner.part(along_u, u - 0.02, row, u + 0.02, row + 4.9).corners(), paint)
                if row + 5.1 <= depth and cars.random() < full:
                    centre = inner.part(along_u, u, row, u + 2.6, row + 5.0).centre
                    turn = (
                        (np.pi / 2 if along_u else 0.0) + (np.pi if cars.random() < 0.5 else 0.0) + cars.normal(0, 0.03)
                    )
                    car(canvas, cars, (centre[0] + cars.normal(0, 0.12), centre[1] + cars.normal(0, 0.2)), turn)
        v += 16.5
    for point in rect.inset(0.8).corners():
        if generator.random() < 0.7:
            tree(canvas, generator, point, float(generator.uniform(3, 6)))
