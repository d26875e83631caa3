"""What a notebook shows: two images to wipe between, with nothing fetched, and the facts of a card."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import refsr
from refsr.core.errors import DataError
from refsr.data.images import write_image
from refsr.inference import display


def pair(side: int = 24) -> tuple[np.ndarray, np.ndarray]:
    lr = np.zeros((side, side, 3), np.uint8)
    lr[..., 0] = 255
    hr = np.zeros((4 * side, 4 * side, 3), np.uint8)
    hr[..., 2] = 255
    return lr, hr


def images(html: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', html)]


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_texts_are_escaped_and_nothing_is_fetched():
    html = refsr.show(*pair(), names=('<script>"', "a & b"))._repr_html_()
    tags = Tags(html).found
    assert [tag for tag, _ in tags if tag not in ("div", "figure", "img", "figcaption", "input")] == []
    assert [one["alt"] for tag, one in tags if tag == "img"] == ['<script>"', "a & b"]
    assert len(images(html)) == 2
    assert "http" not in html
    assert "<script" not in html


def test_noise_becomes_small_thumbnails():
    noise = np.random.default_rng(0).integers(0, 256, (900, 600, 3), np.uint8)
    shown = refsr.show(noise[::4, ::4], noise)
    assert max(map(len, images(shown._repr_html_()))) <= display.LARGEST_PNG
    height, width = shown.after.shape[:2]
    assert max(height, width) <= display.LARGEST_SIDE
    assert height / width == pytest.approx(1.5, abs=0.02)
    assert shown.before.shape == shown.after.shape


def test_kinds_of_images(tmp_path):
    lr, hr = pair()
    file = tmp_path / "hr.png"
    write_image(file, hr)
    assert np.array_equal(refsr.show(lr, file).after, refsr.show(lr, hr).after)
    deep = np.linspace(0, 4000, 24 * 24).reshape(24, 24).astype(np.uint16)
    assert refsr.show(deep, deep).before.max() == 255
    holes = np.full((24, 24, 5), np.nan, np.float32)
    assert refsr.show(holes, holes).after.max() == 0
    with pytest.raises(DataError, match="expected"):
        refsr.show(np.zeros(3), hr)


def test_a_restorer_shows_its_card():
    restorer = refsr.load("rrsnet-small-x4", device="cpu")
    html = restorer._repr_html_()
    assert {"table", "caption", "tr", "th", "td"} >= {tag for tag, _ in Tags(html).found} - {"tbody"}
    assert "RRSNet" in html
    assert "x4" in html
    assert display.facts("<b>", [("<i>", "<u>")]).count("&lt;") == 3


def test_the_slider_lays_one_over_the_other(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{refsr.show(*pair(), names=('low', 'high'))._repr_html_()}")
    browser.size(600, 300)
    browser.open(page)
    places = "[...document.querySelectorAll('img')].map(one => one.getBoundingClientRect().left)"
    left, right = browser.run(places)
    assert right >= left + 96, "side by side at first, as where handlers are stripped"
    move = (
        "(() => {const one = document.querySelector('input'); one.value = 25; one.dispatchEvent(new Event('input'))})()"
    )
    browser.run(move)
    left, right = browser.run(places)
    assert left == right
    assert browser.run("document.querySelectorAll('img')[1].style.clipPath") == "inset(0px 0px 0px 25%)"
    browser.screenshot(tmp_path / "shown.png")
    from refsr.data.images import read_image

    row = read_image(tmp_path / "shown.png")[40]
    assert tuple(row[int(left) + 12][:3]) == (255, 0, 0)
    assert tuple(row[int(left) + 200][:3]) == (0, 0, 255)
    assert browser.complaints() == []
    assert len(browser.requests()) == 1
