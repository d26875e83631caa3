"""Who answers the parity cases of RRSNet and RRSGAN."""

from __future__ import annotations

from harness import learning, networks, operators
from harness.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (r"[0-9]+ optimiser steps of the generator in the L1 stage on one fixed batch", learning.rrsnet_steps),
    (r"whole generator RRSNet as released", networks.whole_rrsnet),
    (r"modulated deformable convolution", operators.layers),
    (r"texture transfer of RRSNet", networks.rrsnet_texture),
    (r"pyramid", networks.rrsnet_alignment),
]
