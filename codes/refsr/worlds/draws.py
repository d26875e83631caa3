"""What is drawn for one scene: where and when, from where and through what it is seen."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.data.hardening.draws import Hardening, draw_hardening
from refsr.geo.geotransform import Geotransform
from refsr.worlds.atmosphere import AcquisitionTime, draw_acquisition_time, draw_latitude, interpolate_time
from refsr.worlds.geo import draw_geotransform, utm_record
from refsr.worlds.geometry import ViewingGeometry
from refsr.worlds.knobs import PIXEL, Knobs
from refsr.worlds.optics import DualZoom, Lens, draw_dual_zoom, draw_shift
from refsr.worlds.sensor import Sensor, draw_other_sensor, draw_sensor, interpolate_sensor


@dataclass(frozen=True)
class Acquisition:
    """How one image is taken, apart from the scene: when, from where, through what."""

    date: int
    time: AcquisitionTime
    viewing: ViewingGeometry
    lens: Lens
    sensor: Sensor
    haze: float
    clouds: float

    def record(self) -> dict[str, Any]:
        """As plain numbers, in the names that world.json has."""
        plain = dataclasses.asdict(self)
        return {"date": plain["date"], "moment": plain["time"], "look": plain["viewing"]} | {
            name: plain[name] for name in ("lens", "sensor", "haze", "clouds")
        }


@dataclass(frozen=True)
class Draws:
    """The two acquisitions of a scene."""

    hr: Acquisition
    reference: Acquisition
    dual_zoom: DualZoom | None
    geotransform: Geotransform
    hardening: Hardening | None = None

    def record(self) -> dict[str, Any]:
        """As plain numbers, in the names that world.json has."""
        return {
            "hr": self.hr.record(),
            "reference": self.reference.record(),
            "dual_zoom": None if self.dual_zoom is None else dataclasses.asdict(self.dual_zoom),
            "place": utm_record(self.geotransform),
            **({} if self.hardening is None else {"hardening": self.hardening.record()}),
        }


STRAIGHT = Lens((0.0, 0.0), 0.0, 1.0, 0.0)


def draw(knobs: Knobs, index: int) -> Draws:
    """The draws of scene `index`; each kind has its own generator, so that a knob changes its own draws only."""

    def generator(purpose: str) -> np.random.Generator:
        return numpy_generator(knobs.seed, "world", purpose, index)

    sun = generator("sun")
    latitude = draw_latitude(sun)
    time, other = draw_acquisition_time(sun, latitude), draw_acquisition_time(sun, latitude)
    make = generator("sensor")
    sensor, strange = draw_sensor(make), draw_other_sensor(make)
    viewings = generator("look")
    viewing = _angles(viewings, 0.0, knobs.view_angle / 3)
    away = _angles(viewings, knobs.view_angle / 2, knobs.view_angle)
    air = generator("air")
    haze, hazier = (float(air.uniform(0.3, 1)) * knobs.haze for _ in range(2))
    focus = generator("focus")
    soft, softer = (float(focus.uniform(0.5, 1)) * knobs.softness for _ in range(2))
    hr = Acquisition(1, time, viewing, STRAIGHT, sensor.softened(soft), haze / 3, 0.0)
    geotransform = draw_geotransform(generator("place"), latitude, PIXEL)
    if knobs.optics == "dual-zoom":
        dual = draw_dual_zoom(
            generator("lens"), sensor, knobs.size, knobs.misregistration, knobs.rotation, knobs.scale_difference
        )
        twin = interpolate_sensor(sensor, draw_sensor(make), 0.3).softened(softer)
        return Draws(hr, dataclasses.replace(hr, lens=dual.long, sensor=twin), dual, geotransform)
    reference = Acquisition(
        date=1 if knobs.dates == 1 else 0,
        time=interpolate_time(time, other, knobs.sun_shift),
        viewing=away,
        lens=_lens(generator("lens"), knobs),
        sensor=interpolate_sensor(sensor, strange, knobs.spectral_shift).softened(softer),
        haze=hazier,
        clouds=min(1.0, knobs.cloud_cover * float(air.uniform(0.5, 1.5))),
    )
    hardening = draw_hardening(knobs.hardening, knobs.seed, index) if knobs.hardening.any else None
    return Draws(hr, reference, None, geotransform, hardening)


def _angles(generator: np.random.Generator, low: float, high: float) -> ViewingGeometry:
    return ViewingGeometry(float(generator.uniform(0, 360)), float(generator.uniform(low, high)))


def _lens(generator: np.random.Generator, knobs: Knobs) -> Lens:
    """Ref's frame against HR's: each difference is a quarter to all of its knob, to either side."""
    shift = draw_shift(generator, knobs.misregistration)
    rotation, scale = (math.copysign(generator.uniform(0.25, 1), generator.uniform(-1, 1)) for _ in range(2))
    return Lens(shift, rotation * knobs.rotation, 1 + scale * knobs.scale_difference / 100, 0.0)
