"""Several processes are one run: the same gradients, the same samples, one voice, and all stop together."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from refsr.core.errors import UsageError
from refsr.runs.checkpoint import Checkpoint, read_checkpoint
from refsr.runs.process_group import ALONE, Group, Launch, gpus_to_use, launched
from refsr.runs.run_folder import checkpoint_steps
from several_processes import started


def same_gradients(mine: Checkpoint, theirs: Checkpoint, network: str, bound: float = 1e-6) -> None:
    """Adam's first moments, which after one step are the gradient times a constant, and then a mean of gradients."""
    gradients = {key: one for key, one in mine.optimisers[network].items() if key.startswith("exp_avg:")}
    assert gradients, network
    differences = {key: one - theirs.optimisers[network][key] for key, one in gradients.items()}
    whole, apart = (torch.cat([one.flatten() for one in kind.values()]).norm() for kind in (gradients, differences))
    assert float(whole) > 0
    assert float(apart) <= bound * float(whole), network
    for key, difference in differences.items():
        assert float(difference.norm()) <= 10 * bound * max(float(gradients[key].norm()), 1e-6), (network, key)


def test_two_processes_learn_as_one_with_the_whole_batch(option_file, options):
    one = started(option_file, 1, "name=one", "train.niter=3", "logger.save_checkpoint_freq=1")
    two = started(option_file, 2, "name=two", "train.niter=3", "logger.save_checkpoint_freq=1", "train.val_freq=3")
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    root = options().path.root / "experiments"
    mine, theirs = (read_checkpoint(root / name / "checkpoints" / "1") for name in ("one", "two"))
    same_gradients(mine, theirs, "G")
    logs = [json.loads(line) for line in (root / "two" / "log.jsonl").read_text().splitlines()]
    assert [event["step"] for event in logs if event["kind"] == "train"] == [1, 2, 3]
    assert [(event["network"], event["images"]) for event in logs if event["kind"] == "validation"] == [
        ("G_ema", 2),
        ("G", 2),
    ]
    assert two.stdout.count("trained to iteration 3") == 1


def test_two_processes_learn_against_discriminators_as_one_does_in_both_stages(option_file, options):
    words = [
        *("model=RRSGAN_model", "datasets.train.GT_size=32", "train.niter=3", "logger.save_checkpoint_freq=1"),
        *(f"network_D.{one}" for one in ("which_model_D=discriminator_vgg_128", "nf=4", "head=pooled", "init=kaiming")),
        *("train.feature_network=random", "train.feature_weight=0.1", "train.r1_weight=0.1", "train.l1_init=2"),
        *("train.gan_weight=0.01", "train.gradient_gan_weight=0.01"),
        # Adam's first step would be as large where a gradient is mere rounding; so large a term keeps that small.
        "train.epsilon=1e-3",
    ]
    runs = {name: started(option_file, count, f"name={name}", *words) for name, count in (("one", 1), ("two", 2))}
    assert [run.returncode for run in runs.values()] == [0, 0], runs["two"].stderr
    folders = {name: options().path.root / "experiments" / name for name in runs}
    kept = {name: [read_checkpoint(folder / "checkpoints" / str(step)) for step in (1, 2, 3)]
            for name, folder in folders.items()}  # fmt: skip
    learning = ["G"], ["G", "D", "D_grad"], ["G", "D", "D_grad"]
    for mine, theirs, awake in zip(kept["one"], kept["two"], learning, strict=True):
        assert [key for key in ("G", "D", "D_grad") if mine.optimisers.get(key)] == awake
        for network in awake:
            # Later gradients are those of weights that are apart by rounding already.
            same_gradients(mine, theirs, network, 1e-6 if mine.step == 1 else 1e-5)
    before, _, after = kept["one"]
    for network, weights in after.weights.items():
        parts = [weights[key] - before.weights[network][key] for key in weights]
        moved = torch.cat([part.flatten() for part in parts]).norm()
        apart = torch.cat([(weights[key] - kept["two"][2].weights[network][key]).flatten() for key in weights]).norm()
        assert float(apart) <= 1e-4 * float(moved), network
    for folder in folders.values():
        logs = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        terms = [set(event["losses"]) for event in logs if event["kind"] == "train"]
        assert [{"l_d_real", "l_d_real_grad", "l_d_r1", "l_g_fea"} <= names for names in terms] == [False, True, True]


def test_a_run_goes_on_with_fewer_and_more_processes(option_file, options):
    words = ("train.niter=6", "logger.save_checkpoint_freq=2")
    whole = started(option_file, 1, "name=whole", *words)
    assert whole.returncode == 0, whole.stderr
    for niter, count in ((2, 2), (4, 1), (6, 2)):
        run = started(option_file, count, "name=parts", f"train.niter={niter}", words[1], "--auto-resume")
        assert run.returncode == 0, run.stderr
    root = options().path.root / "experiments"
    mine, theirs = (read_checkpoint(root / name / "checkpoints" / "6") for name in ("whole", "parts"))
    for key, weight in mine.weights["G"].items():
        torch.testing.assert_close(theirs.weights["G"][key], weight, rtol=1e-3, atol=1e-4)
    losses = {}
    for name in ("whole", "parts"):
        lines = map(json.loads, (root / name / "log.jsonl").read_text().splitlines())
        losses[name] = [event["step"] for event in lines if event["kind"] == "train"]
    assert losses["parts"] == losses["whole"] == [1, 2, 3, 4, 5, 6]


POISON = """
import os, sys
from refsr.cli.main import main
from refsr.tasks import regression

original = regression.reconstruction_losses
calls = []

def poisoned(train, restored, target):
    calls.append(1)
    worth = float("nan") if os.environ["RANK"] == "1" and len(calls) == 3 else 1.0
    return {name: loss * worth for name, loss in original(train, restored, target).items()}

regression.reconstruction_losses = poisoned
sys.exit(main(sys.argv[1:]))
"""


def test_one_process_that_is_not_finite_stops_all_before_the_step(option_file, options, tmp_path):
    script = tmp_path / "poisoned.py"
    script.write_text(POISON)
    run = started(option_file, 2, "logger.save_checkpoint_freq=1", script=script)
    assert run.returncode != 0
    assert "refsr: iteration 3: l_g_pix and l_g_pix_grad of network G not finite; no step was taken" in run.stderr
    assert "internal error" not in run.stderr
    folder = options().path.root / "experiments" / "small"
    assert checkpoint_steps(folder / "checkpoints") == [1, 2]
    facts = [json.loads((folder / "nonfinite_3" / f"step_process{rank}.json").read_text()) for rank in (0, 1)]
    assert facts[1]["terms"] == ["l_g_pix", "l_g_pix_grad"]
    assert facts[0]["names"] != facts[1]["names"]
    assert (folder / "nonfinite_3" / "batch_process1.safetensors").is_file()


def test_what_launchers_say(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)
    assert launched() is None
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert launched() is None
    for name, value in {"SLURM_NTASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1"}.items():
        monkeypatch.setenv(name, value)
    assert launched() == Launch(5, 8, 1, "Slurm")
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    assert launched() == Launch(3, 4, 3, "torchrun")


def test_slurm_without_scontrol_says_what_to_set(monkeypatch):
    from refsr.runs import process_group as group

    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="set MASTER_ADDR"):
        group._set_rendezvous(Launch(0, 2, 0, "Slurm"))


def test_slurm_without_hosts_says_what_to_set(monkeypatch):
    from refsr.runs import process_group as group

    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setattr(group.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="\n"))
    with pytest.raises(UsageError, match="set MASTER_ADDR"):
        group._set_rendezvous(Launch(0, 2, 0, "Slurm"))


def test_one_process_needs_nobody():
    assert ALONE.any([True, False]) == [True, False]
    assert ALONE.is_main
    assert gpus_to_use([]) == 0


def test_a_flag_of_one_process_is_raised_for_all(monkeypatch):
    """What another process holds is put in by hand, reduced as asked for."""
    peer = torch.tensor([1, 0, 0, 1], dtype=torch.int32)
    reductions = {
        torch.distributed.ReduceOp.MAX: torch.maximum,
        torch.distributed.ReduceOp.MIN: torch.minimum,
        torch.distributed.ReduceOp.SUM: torch.add,
    }
    monkeypatch.setattr(
        torch.distributed, "all_reduce", lambda values, op: values.copy_(reductions[op](values, peer.to(values)))
    )
    group = Group(0, 2, torch.device("cpu"))
    assert group.any([False, True, False, True]) == [True, True, False, True]
