"""Buildings: footprint, height, roof, and details on roofs."""

from __future__ import annotations

import numpy as np

from refsr.worlds.canvas import Canvas, Roof, Rows, Tint
from refsr.worlds.frame import Points, Rect
from refsr.worlds.greenery import vary

Generator = np.random.Generator

FLAT, GABLE, HIP = 0, 1, 2
ROOFING = ("roof_tile", "roof_metal_dark", "roof_metal_light", "roof_bitumen", "roof_gravel")


def building(
    canvas: Canvas,
    generator: Generator,
    rect: Rect,
    eaves: float,
    shape: int,
    material: str,
    tint: Tint | None = None,
    rise: float | None = None,
) -> None:
    """A building over a rectangle of the plan; its ridge runs along the longer side."""
    frame = canvas.frame
    centre, angle = frame.local(rect.centre)
    half_u, half_v = rect.width / 2 / frame.fine, rect.height / 2 / frame.fine
    if half_v > half_u:
        angle, half_u, half_v = angle + np.pi / 2, half_v, half_u
    if rise is None:
        rise = 0.0 if shape == FLAT else float(generator.uniform(0.55, 0.9)) * half_v * frame.fine
    roof = Roof((float(centre[0]), float(centre[1])), angle, half_u, half_v, eaves, rise, shape)
    colour = tint if tint is not None else vary(generator, 0.2, 0.07)
    rows = None
    if material.startswith("roof_metal"):
        rows = Rows(angle, 1.1 / frame.fine, 0.05)
    elif material == "roof_tile":
        rows = Rows(angle + np.pi / 2, 0.62 / frame.fine, 0.07)
    number = canvas.add_object(material, colour, rows, roof)
    canvas.draw_pixels(_corners(roof), number)
    if shape == FLAT:
        _flat_details(canvas, generator, roof, colour, material)
    else:
        _pitched_details(canvas, generator, roof)


def _corners(roof: Roof, u0: float = -1, v0: float = -1, u1: float = 1, v1: float = 1) -> Points:
    """A part of a roof's rectangle, given in shares of its half sides, as pixels."""
    local = np.array([(u0, v0), (u1, v0), (u1, v1), (u0, v1)]) * (roof.half_u, roof.half_v)
    cosine, sine = np.cos(roof.angle), np.sin(roof.angle)
    corners: Points = local @ np.array([[cosine, sine], [-sine, cosine]]) + np.asarray(roof.centre)
    return corners


def _part(
    roof: Roof, generator: Generator, width: float, depth: float, fine: float, side: float | None = None
) -> Points:
    """A rectangle of `width` by `depth` metres somewhere on a roof, in pixels."""
    du, dv = width / 2 / fine / roof.half_u, depth / 2 / fine / roof.half_v
    u = float(generator.uniform(-1 + du, 1 - du)) if du < 1 else 0.0
    v = side if side is not None else (float(generator.uniform(-1 + dv, 1 - dv)) if dv < 1 else 0.0)
    return _corners(roof, u - du, v - dv, u + du, v + dv)


def _raised(roof: Roof, height: float, shape: int = FLAT) -> Roof:
    return Roof(roof.centre, roof.angle, roof.half_u, roof.half_v, height, 0.0, shape)


def _flat_details(canvas: Canvas, generator: Generator, roof: Roof, colour: Tint, material: str) -> None:
    """A parapet, plant on the roof, skylights, solar panels in rows."""
    fine = canvas.frame.fine
    if min(roof.half_u, roof.half_v) * fine > 3:
        inner = 1 - 0.45 / fine / roof.half_v, 1 - 0.45 / fine / roof.half_u
        parapet = canvas.add_object("concrete", vary(generator, 0.15), None, _raised(roof, roof.eaves + 0.5))
        canvas.draw_pixels(_corners(roof), parapet)
        surface = canvas.add_object(material, colour, None, _raised(roof, roof.eaves))
        canvas.draw_pixels(_corners(roof, -inner[1], -inner[0], inner[1], inner[0]), surface)
    area = 4 * roof.half_u * roof.half_v * fine * fine
    for _ in range(int(generator.poisson(area / 130))):
        what = str(generator.choice(["roof_metal_light", "concrete", "glass", "roof_metal_dark"]))
        size = generator.uniform(0.8, 3.0, 2)
        lifted = canvas.add_object(
            what, vary(generator, 0.15), None, _raised(roof, roof.eaves + float(generator.uniform(0.4, 2.2)))
        )
        canvas.draw_pixels(_part(roof, generator, size[0], size[1], fine), lifted)
    if area > 250 and generator.random() < 0.35:
        number = canvas.add_object("glass", (0.9, 1.0, 1.25), None, _raised(roof, roof.eaves + 0.4))
        start = float(generator.uniform(-0.8, 0.0))
        step = 2.4 / fine / roof.half_v
        v = -0.75
        while v < 0.7:
            canvas.draw_pixels(_corners(roof, start, v, start + 0.75, v + step * 0.6), number)
            v += step


def _pitched_details(canvas: Canvas, generator: Generator, roof: Roof) -> None:
    """A bright ridge, chimneys, roof windows, sometimes solar panels on the sunny side."""
    fine = canvas.frame.fine
    base = Roof(roof.centre, roof.angle, roof.half_u, roof.half_v, roof.eaves + 0.12, roof.rise, roof.shape)
    if roof.shape == GABLE:
        ridge = canvas.add_object("roof_tile", (1.25, 1.3, 1.35), None, base)
        thin = 0.14 / fine / roof.half_v
        canvas.draw_pixels(_corners(roof, -1, -thin, 1, thin), ridge)
    for _ in range(int(generator.poisson(1.1))):
        chimney = Roof(roof.centre, roof.angle, roof.half_u, roof.half_v, roof.eaves + roof.rise + 0.7)
        number = canvas.add_object(
            "wall", (1.1, 0.8, 0.7) if generator.random() < 0.6 else (1.2, 1.2, 1.2), None, chimney
        )
        canvas.draw_pixels(_part(roof, generator, 0.8, 0.7, fine, float(generator.uniform(-0.35, 0.35))), number)
    for _ in range(int(generator.poisson(1.0))):
        number = canvas.add_object("glass", vary(generator, 0.3), None, base)
        canvas.draw_pixels(_part(roof, generator, 0.9, 1.2, fine, float(generator.choice([-0.5, 0.5]))), number)
    if generator.random() < 0.22:
        side = float(generator.choice([-0.5, 0.5]))
        number = canvas.add_object("glass", (0.8, 0.95, 1.3), Rows(roof.angle, 1.0 / fine, 0.35), base)
        canvas.draw_pixels(_corners(roof, -0.6, side - 0.3, float(generator.uniform(0.0, 0.7)), side + 0.3), number)


def house(canvas: Canvas, generator: Generator, rect: Rect, style: str | None = None) -> None:
    """A family house: one body or an L, pitched mostly."""
    material = style or str(generator.choice(ROOFING, p=(0.58, 0.17, 0.05, 0.13, 0.07)))
    pitched = material in ("roof_tile", "roof_metal_dark") or generator.random() < 0.25
    shape = int(generator.choice([GABLE, HIP], p=(0.68, 0.32))) if pitched else FLAT
    eaves, tint = float(generator.choice([3.0, 5.6], p=(0.45, 0.55))), vary(generator, 0.24, 0.09)
    building(canvas, generator, rect, eaves, shape, material, tint)
    if generator.random() < 0.4:
        wing_u, wing_v = rect.width * generator.uniform(0.35, 0.5), rect.height * generator.uniform(0.4, 0.65)
        u = rect.u0 if generator.random() < 0.5 else rect.u1 - wing_u
        v = rect.v1 - 1.0 if generator.random() < 0.5 else rect.v0 + 1.0 - wing_v
        building(canvas, generator, Rect(u, v, u + wing_u, v + wing_v), eaves * 0.9, shape, material, tint)


def hall(canvas: Canvas, generator: Generator, rect: Rect) -> None:
    """A works hall: flat or low pitched, in sheets, with skylights in a row."""
    material = str(
        generator.choice(
            ["roof_metal_light", "roof_metal_dark", "roof_gravel", "roof_bitumen"], p=(0.42, 0.25, 0.18, 0.15)
        )
    )
    eaves = float(generator.uniform(6, 12))
    shape = GABLE if material.startswith("roof_metal") and generator.random() < 0.6 else FLAT
    building(
        canvas, generator, rect, eaves, shape, material, rise=0.09 * min(rect.width, rect.height) / 2 if shape else 0.0
    )
    if generator.random() < 0.7:
        fine = canvas.frame.fine
        centre, angle = canvas.frame.local(rect.centre)
        if rect.height > rect.width:
            angle += np.pi / 2
        longer, shorter = max(rect.width, rect.height), min(rect.width, rect.height)
        roof = Roof((float(centre[0]), float(centre[1])), angle, longer / 2 / fine, shorter / 2 / fine, eaves + 0.5)
        number = canvas.add_object("plastic_sheet", vary(generator, 0.1), None, roof)
        count = max(2, int(longer / generator.uniform(7, 12)))
        for i in range(count):
            u = (i + 0.5) / count * 2 - 1
            for v in (-0.5, 0.5):
                canvas.draw_pixels(
                    _corners(roof, u - 0.6 / longer * 2, v - 0.22, u + 0.6 / longer * 2, v + 0.22), number
                )
