"""The average of a network follows its weights and its buffers."""

from __future__ import annotations

import torch

from refsr.core.options.train import TrainOptions
from refsr.training.ema import ema_copy


def test_buffers_are_averaged_like_weights_and_whole_numbers_are_copied():
    network = torch.nn.BatchNorm1d(2)
    average = ema_copy(network, TrainOptions(niter=1, ema_decay=0.9), 4)
    assert average is not None
    expected: dict[str, float] = {}
    with torch.no_grad():
        for step in (1, 2, 3):
            for name, one in network.state_dict().items():
                one.fill_(step**2)
                # The first update copies.
                expected[name] = 0.9 * expected[name] + 0.1 * step**2 if step > 1 else 1
            average.update_parameters(network)
    found = average.module.state_dict()
    assert int(found.pop("num_batches_tracked")) == 9
    assert set(found) == {"weight", "bias", "running_mean", "running_var"}
    for name, one in found.items():
        torch.testing.assert_close(one, torch.full((2,), expected[name]))
