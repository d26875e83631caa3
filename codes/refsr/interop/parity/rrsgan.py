"""Who answers the parity cases of RRSNet and RRSGAN."""

from __future__ import annotations

from refsr.interop.parity import operators
from refsr.interop.parity.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (r"[0-9]+ optimiser steps of the generator in the L1 stage on one fixed batch", None),
    (r"whole generator RRSNet as released", None),
    (r"modulated deformable convolution", operators.layers),
    (r"texture transfer of RRSNet", None),
    (r"pyramid", None),
]
