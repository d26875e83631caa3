"""The addresses of the page: what they give, how they refuse, and that no answer has a path of the machine."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from pictures import picture

from refsr.view import app, state
from refsr.view.crops import rectangle_on, write_reference
from refsr.view.state import example_pair

MODEL = "refsr-x4-fast"


def finished(client, most: float = 120.0):
    """The work once it has ended."""
    until = time.monotonic() + most
    while (work := client("/api/work").json)["state"] == "running" and time.monotonic() < until:
        time.sleep(0.1)
    return work


def test_the_scene_describes_its_layers(viewer, named):
    scene = viewer(*named)("/api/scene").json
    assert [layer["role"] for layer in scene["layers"]] == ["sr", "lr", "ref"]
    assert scene["layers"][1]["name"] == "lr.tif"
    assert scene["plane"]["width"] == 192
    assert "refsr-x4" in scene["models"]


def test_tiles_values_and_profiles_are_answered(viewer, named):
    client = viewer(*named)
    plane = client("/api/scene").json["plane"]
    first = plane["origin"] // 256
    tile = client(f"/api/tiles/1/{plane['native']}/{first}/{first}?bands=1,2,3&range=0,255,0,255,0,255")
    assert tile.headers["content-type"] == "image/png"
    assert picture(tile.body)[:, :, 3].any()
    assert len(client("/api/values?at=100,100").json["layers"]) == 3
    assert len(client("/api/profile?line=0,0,50,50&layers=1,3").json["layers"]) == 2


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/tiles/99/0/0/0?bands=1&range=0,1", "not shown"),
        ("/api/tiles/1/50/0/0?bands=1&range=0,1", "zooms 0 to"),
        ("/api/tiles/1/0/0/0?bands=1,2&range=0,1,0,1", "three in colour"),
        ("/api/tiles/1/0/0/0?bands=1&range=0,x", "expected 2 numbers"),
        ("/api/tiles/1/0/0/0", "expected"),
        ("/api/values?at=nan,1", "expected 2 numbers"),
        ("/api/profile?line=0,0,0,0&layers=1", "no length"),
    ],
)
def test_a_wrong_request_gets_a_sentence(viewer, path, says):
    answer = viewer()(path)
    assert answer.status == 400
    assert says in answer.json["error"]


def test_an_unforeseen_error_is_a_sentence_too(viewer, monkeypatch):
    client = viewer()

    def broken(*_):
        raise ValueError("/secret/folder/file.tif")

    monkeypatch.setattr(app, "values_at", broken)
    answer = client("/api/values?at=1,1")
    assert answer.status == 500
    assert "ValueError" in answer.json["error"]
    assert "secret" not in answer.json["error"]


def test_a_rectangle_is_restored_and_its_layers_lie_there(viewer):
    client = viewer()
    asked = {"rectangle": [64, 64, 192, 160], "model": MODEL, "reference": "2"}
    assert client("/api/work", "POST", asked).json["state"] == "running"
    assert "being restored" in client("/api/work", "POST", asked).json["error"]
    work = finished(client)
    assert work["state"] == "done", work
    assert 0 < work["figures"]["borrowed"] < 1
    layers = {layer["key"]: layer for layer in client("/api/scene").json["layers"]}
    result = layers[work["layers"][0]]
    assert result["bounds"] == [64, 64, 192, 160]
    assert (result["width"], result["height"]) == (128, 96)
    assert [layers[key]["legend"]["title"] for key in work["layers"][1:]][:3] == ["borrowed", "coverage", "change"]

    # Without the reference nothing is borrowed, and the picture is another one.
    client("/api/work", "POST", asked | {"treatment": "away"})
    alone = finished(client)
    assert alone["figures"]["borrowed"] == 0
    assert alone["figures"]["coverage"] == 0
    ends = "bands=1,2,3&range=0,255,0,255,0,255"
    plane = client("/api/scene").json["plane"]
    first = plane["origin"] // 256
    with_ref, without = (
        picture(client(f"/api/tiles/{one['layers'][0]}/{plane['native']}/{first}/{first}?{ends}").body).astype(int)
        for one in (work, alone)
    )
    np.testing.assert_array_equal(with_ref[:, :, 3], without[:, :, 3])
    assert (with_ref[64:160, 64:192, 3] == 255).all()
    assert np.abs(with_ref - without)[64:160, 64:192, :3].mean() > 0.5

    for key in alone["layers"]:
        assert client(f"/api/layers/{key}", "DELETE").status == 200
    assert client("/api/layers/1", "DELETE").status == 400


def test_a_rectangle_of_rasters_lies_on_the_ground(viewer, named):
    """Sixteen bits, LR in metres and the reference in degrees: the values are near those of SR, which is the truth."""
    client = viewer(*named)
    client("/api/work", "POST", {"rectangle": [40, 40, 152, 168], "model": MODEL, "reference": "3", "register": "none"})
    work = finished(client)
    assert work["state"] == "done", work
    for point in ((60, 60), (100, 101), (140, 150)):
        values = {one["key"]: one["values"] for one in client("/api/values?at={},{}".format(*point)).json["layers"]}
        np.testing.assert_allclose(values[work["layers"][0]], values["1"], atol=12)


def test_a_moved_reference_is_empty_where_it_was(viewer, tmp_path):
    """Moved by 8 pixels of LR, 32 of its own, and taken as it lies then."""
    client = viewer()
    lr, ref = client.state.scene.layers
    whole = rectangle_on(lr, lr.bounds, 0)
    write_reference(lr, ref, whole, "moved", (8, -2), tmp_path / "moved.tif")
    with rasterio.open(ref.source) as source, rasterio.open(tmp_path / "moved.tif") as moved:
        stored, shown, known = source.read(), moved.read(), moved.read_masks(1) > 0
    np.testing.assert_array_equal(shown[:, :-8, 32:], stored[:, 8:, :-32])
    assert known[:-8, 32:].all()
    assert not known[:, :32].any()
    assert not known[-8:].any()
    write_reference(lr, ref, whole, "turned", (0, 0), tmp_path / "turned.tif")
    with rasterio.open(tmp_path / "turned.tif") as turned:
        np.testing.assert_array_equal(turned.read(), stored[:, ::-1, ::-1])


def test_a_cancelled_rectangle_leaves_no_layer(viewer):
    client = viewer()
    before = len(client("/api/scene").json["layers"])
    client("/api/work", "POST", {"rectangle": [0, 0, 384, 384], "model": "refsr-x4", "reference": "2"})
    client("/api/work", "DELETE")
    assert finished(client)["state"] == "cancelled"
    assert len(client("/api/scene").json["layers"]) == before


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "rectangle"),
        ({"rectangle": [0, 0, 200, 200], "model": "refsr-x5"}, "did you mean 'refsr-x4'"),
        ({"rectangle": [0, 0, 20, 20], "model": MODEL}, "expected 16x16 or more"),
        ({"rectangle": [900, 900, 990, 990], "model": MODEL}, "expected 16x16 or more"),
        ({"rectangle": [0, 0, 200, 200], "model": MODEL, "reference": "9"}, "not shown"),
        ({"rectangle": [0, 0, 200, 200], "model": MODEL, "strength": 2}, "from 0 to 1"),
        ({"rectangle": [0, 0, 200, 200], "model": MODEL, "treatment": "eaten"}, "treatment"),
        ({"rectangle": [0, 0, 200, 200], "model": MODEL, "tile": 3}, "'tile' is not known"),
        (b"no json", "no JSON"),
        (b"[" * 100000, "too long"),
    ],
)
def test_what_cannot_be_restored_is_refused(viewer, asked, says):
    answer = viewer()("/api/work", "POST", asked)
    assert answer.status == 400
    assert says in answer.json["error"]


def test_an_uploaded_pair_replaces_the_scene(viewer):
    client = viewer()
    before = client("/api/scene").json["id"]
    for file in example_pair():
        content = Path(file.source).read_bytes()
        assert client(f"/api/uploads/{file.role}?name=my%20{file.role}.png", "PUT", content).status == 200
    scene = client("/api/pair", "POST", b"").json
    assert scene["id"] != before
    assert [layer["name"] for layer in scene["layers"]] == ["my lr.png", "my ref.png"]
    assert "no LR was uploaded" in client("/api/pair", "POST", b"").json["error"]


def test_what_is_no_image_is_refused(viewer, tmp_path, monkeypatch):
    client = viewer()
    vrt = b"<VRTDataset rasterXSize='8' rasterYSize='8'><SRS/></VRTDataset>"
    for content in (b"", b"hello", vrt, b"\x89PNG\r\n\x1a\nbroken"):
        answer = client("/api/uploads/lr?name=..%2f..%2fpicture.png", "PUT", content)
        assert answer.status == 400
        assert answer.json["error"].startswith("picture.png: ")
    assert client("/api/uploads/passwd", "PUT", b"x").status == 400
    monkeypatch.setattr(state, "MOST_UPLOAD_PIXELS", 100)
    _, png = cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))
    assert "20x20 pixels" in client("/api/uploads/lr?name=a.png", "PUT", png.tobytes()).json["error"]
    monkeypatch.setattr(app, "MOST_UPLOAD", 10)
    assert "MiB" in client("/api/uploads/lr?name=a.png", "PUT", png.tobytes()).json["error"]


def test_no_answer_has_a_path_of_the_machine(viewer, named, places, tmp_path):
    client = viewer(*named)
    client("/api/scene")
    client("/api/values?at=100,100")
    places["ref"].unlink()
    client("/api/work", "POST", {"rectangle": [0, 0, 192, 192], "model": MODEL, "reference": "3"})
    assert finished(client)["state"] in ("failed", "done")
    client("/api/tiles/3/5/16/16?bands=1&range=0,1")
    client("/api/uploads/lr?name=x", "PUT", b"nothing")
    for answer in client.answers:
        assert str(tmp_path).encode() not in answer.body
        assert b"/tmp" not in answer.body
        assert b"refsr-view-" not in answer.body


def test_the_folder_of_copies_is_removed(viewer):
    client = viewer()
    folder = client.state._folder
    assert folder.is_dir()
    client.state.__exit__(None, None, None)
    assert not folder.exists()


def test_the_example_is_small():
    assert sum(Path(file.source).stat().st_size for file in example_pair()) < 300_000
