"""Registration: Ref laid on LR, with a weight at each pixel and a verdict.

>>> found = register(lr, ref, scale=4)
>>> if found.accepted:
...     on_hr, covered = found.warp(ref)
"""

from refsr.registration.options import MODES, RegistrationOptions
from refsr.registration.register import register
from refsr.registration.result import Figures, Registration, Verdict

__all__ = ["MODES", "Figures", "Registration", "RegistrationOptions", "Verdict", "register"]
