"""The whole option file, in the shape that MMSR's users know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions
from refsr.core.options.sampling import SamplingOptions
from refsr.core.options.section import Ignored, Section, without_effect
from refsr.core.options.train import TrainOptions

DATASET_NAMES = r"train|(val|test)(_\w+)?"
"""What a data set of the section `datasets` may be called."""


class PathOptions(Section):
    """Where a run writes, and what it starts from."""

    root: Path = Field(default=Path("exp"), description="output folder; the run's own is <root>/experiments/<name>")
    resume_state: Path | None = Field(default=None, description="checkpoint to resume from")
    auto_resume: bool = Field(default=False, description="resume from the newest checkpoint of the run folder, if any")
    pretrain_model_G: Path | None = Field(
        default=None,
        description="initial weights of the generator: a model file, the folder of a run or checkpoint, or the name of "
        "bundled weights",
    )
    pretrain_model_D: Path | None = Field(default=None, description="initial weights of the image discriminator")
    pretrain_model_D_grad: Path | None = Field(
        default=None, description="initial weights of the gradient discriminator"
    )
    pretrain_bank: Path | None = Field(
        default=None,
        description="SpecGAN: initial weights of the latent bank, a trained StyleGAN2; given as pretrain_model_G is",
    )
    pretrain_base: Path | None = Field(
        default=None,
        description="GatedTransfer: initial weights of its single-image network: a model of that network, or a "
        "GatedTransfer around the same; given as pretrain_model_G is",
    )
    pretrain_front: Path | None = Field(
        default=None,
        description="GatedTransfer: initial weights of its front: a model of that network, or another GatedTransfer",
    )
    strict_load: bool = Field(
        default=False, description="initial weights must fit the network key by key; false: load those that fit"
    )
    perceptual_weights: Path | None = Field(
        default=None,
        description="file of the weights of the perceptual loss's feature network, such as vgg19-dcbb9e9d.pth",
    )

    def subnetworks(self) -> dict[str, Path]:
        """The given start weights of sub-networks, by their keys."""
        keys = ("pretrain_bank", "pretrain_base", "pretrain_front")
        return {key: start for key in keys if (start := getattr(self, key)) is not None}


class LoggerOptions(Section):
    """What a run logs and keeps."""

    print_freq: int = Field(default=100, ge=1, description="iterations between log lines")
    save_checkpoint_freq: int = Field(default=5000, ge=1, description="iterations between checkpoints")
    keep_last: int | None = Field(default=None, ge=1, description="checkpoints to keep, the newest; none: all")
    best_by: Literal["psnr", "ssim", "ms-ssim", "lpips", "dists", "st-lpips", "st-lpips-alex"] | None = Field(
        default=None,
        description="metric by which the best checkpoint is kept beside the newest; none: no best checkpoint",
    )
    trackers: list[Literal["tensorboard", "wandb", "mlflow"]] = Field(
        default=[],
        description="programs that get curves and panels, beside what use_tb_logger asks for; wandb and mlflow need "
        "the extra trackers, and write into the run folder unless their environment variables name a server",
    )


class ValOptions(Section):
    """How images are restored in validation."""

    save_images: bool = Field(default=True, description="write restored images to val_images/")
    max_images: int | None = Field(default=None, ge=1, description="restore only the first so many images; none: all")
    use_ema: bool = Field(
        default=True, description="validate the averaged weights (EMA) of the generator where there are any"
    )
    compare_ema: bool = Field(
        default=True,
        description="validate the generator's weights and their average during training, in twice the time; use_ema "
        "says which of them the best checkpoint and images come from; false: validate only that one",
    )
    tile: int | None = Field(default=None, ge=1, description="side of tiles in LR pixels; none: no tiles")
    tile_overlap: int = Field(
        default=0,
        ge=0,
        description="LR pixels of context around each tile; 0: the network's halo (radius of the receptive field in LR "
        "pixels) and a margin of 8",
    )
    tiling: Literal["seamless", "tsfnet-test", "tsfnet-val"] = Field(
        default="seamless",
        description="seamless tiles, or tiles pasted as TSFNet's test script or validation does, by default of 256 HR "
        "pixels",
    )


class Options(Section):
    """One run: what is trained or evaluated, on which data, and how."""

    name: str = Field(
        min_length=1,
        pattern=r"^[^/\\\x00]+$",
        description="name of the run and of its folder; with debug in it, the run validates and saves early",
        examples=["001_RRSNet"],
    )
    use_tb_logger: bool = Field(default=False, description="write TensorBoard curves into the run folder")
    imports: list[str] = Field(
        default=[],
        alias="import",
        description="modules to import first, which register networks, tasks, data sets or metrics: a module's name, "
        "or the path of a .py file, from this file's folder or the working folder",
        examples=[["my_module"]],
    )
    model: str = Field(
        description="the task: how networks are trained and restore: regression, twin_gan, diffusion, stylegan2, "
        "specgan, or one of the published names such as RRSNet_model",
        examples=["RRSNet_model"],
    )
    scale: int = Field(description="scale factor: side of HR over side of LR", ge=1, le=64, examples=[4])
    seed: int | None = Field(
        default=None, ge=0, description="seed of everything random; none: train.manual_seed, else 0"
    )
    gpu_ids: list[Annotated[int, Field(ge=0)]] | None = Field(
        default=None,
        description="GPUs of a run without launcher: as many as are listed, chosen by CUDA_VISIBLE_DEVICES; none: all; "
        "[]: the CPU",
    )
    timeout: float = Field(
        default=600,
        gt=0,
        description="seconds for which a process waits for the other processes of the run, or for a batch from its "
        "loader processes, before it ends with an error; a warning comes after 60",
    )
    datasets: dict[str, DatasetOptions] = Field(
        description="data sets: train, val, test; more as val_NAME and test_NAME",
        examples=[{"val": {"mode": "reference"}}],
    )
    network_G: GeneratorOptions = Field(description="the generator", examples=[{"which_model_G": "RRSNet"}])
    network_D: DiscriminatorOptions | None = Field(
        default=None, description="the discriminators of adversarial models; both have this network"
    )
    path: PathOptions = Field(default=PathOptions(), description="where a run writes, and what it starts from")
    train: TrainOptions | None = Field(default=None, description="how it is trained; not needed for evaluation")
    val: ValOptions = Field(default=ValOptions(), description="how images are restored in validation")
    sampling: SamplingOptions = Field(
        default=SamplingOptions(), description="how a diffusion model samples an image; other models do not use it"
    )
    logger: LoggerOptions = Field(default=LoggerOptions(), description="what a run logs and keeps")

    Ref_color: Ignored = without_effect("references are always read as they are")

    @property
    def run_seed(self) -> int:
        """The seed of every draw, wherever it was given."""
        published = self.train.manual_seed if self.train is not None else None
        return next((seed for seed in (self.seed, published) if seed is not None), 0)
