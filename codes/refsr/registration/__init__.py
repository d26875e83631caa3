"""Registration: Ref laid on LR, with a weight at each pixel and a verdict.

>>> found = register(lr, ref, scale=4)
>>> if found.accepted:
...     on_hr, covered = found.warp(ref)
"""

from refsr.registration.options import MODES, RegistrationOptions
from refsr.registration.pair import register
from refsr.registration.result import Figures, Registration, Verdict
from refsr.registration.scenes import SceneRegistration, register_scene
from refsr.registration.several import Combined, combine

__all__ = [
    "MODES",
    "Combined",
    "Figures",
    "Registration",
    "RegistrationOptions",
    "SceneRegistration",
    "Verdict",
    "combine",
    "register",
    "register_scene",
]
