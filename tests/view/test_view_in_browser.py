"""The viewer in a real Chromium: what is shown, and that every control does something and says so."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from browser import Browser
from refsr.view.state import example_pair

LONGEST = 120.0
WIDTH, HEIGHT = 1100, 760


def eventually(check: Callable[[], Any]) -> Any:
    """The value of a check once it is true; input and tiles take their way through queues."""
    until = time.monotonic() + LONGEST
    while not (found := check()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


class Page:
    """The page of a viewer in a tab."""

    def __init__(self, browser: Browser, client: Any) -> None:
        self.browser, self.client = browser, client
        browser.size(WIDTH, HEIGHT)
        browser.prefer("light")
        browser.visit(client.access.address)
        self.wait()

    def wait(self) -> None:
        """Until the page is put together and its tiles are there."""
        assert eventually(self.ready)

    def ready(self) -> bool:
        """Whether it is; a page that gives way to another one answers nothing."""
        try:
            return bool(self.run("document.documentElement?.dataset.ready") == "yes")
        except AssertionError as error:
            if "navigated" in str(error) or "context" in str(error):
                return False
            raise

    def run(self, script: str) -> Any:
        return self.browser.run(script)

    def text(self, name: str) -> str:
        return str(self.run(f"document.getElementById('{name}').textContent"))

    def click(self, name: str) -> None:
        self.run(f"document.getElementById('{name}').click()")

    def choose(self, name: str, value: str) -> None:
        one = f"document.getElementById('{name}')"
        self.run(f"{one}.value = '{value}'; {one}.dispatchEvent(new Event('change', {{bubbles: true}}))")

    def says(self, words: str) -> bool:
        return bool(eventually(lambda: words in self.text("status")))

    def maps(self) -> list[float]:
        """Left, top, width and height of the maps in the window."""
        box = "document.getElementById('maps').getBoundingClientRect()"
        return list(self.run(f"[{box}.left, {box}.top, {box}.width, {box}.height]"))

    def at(self, right: float, down: float) -> tuple[float, float]:
        """A place in the window by shares of the maps."""
        left, top, width, height = self.maps()
        return left + right * width, top + down * height

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.browser.mouse
        mouse("move", *start)
        mouse("down", *start)
        mouse("move", (start[0] + end[0]) / 2, (start[1] + end[1]) / 2, buttons=1)
        mouse("move", *end, buttons=1)
        mouse("up", *end)

    def picture(self) -> np.ndarray:
        """The maps as they are on the screen."""
        image = cv2.imdecode(np.frombuffer(self.browser.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        left, top, width, height = map(round, self.maps())
        return image[top : top + height, left : left + width]

    def complaints(self) -> list[str]:
        """What the page complained of, without what the graphics driver says of screenshots."""
        return [line for line in self.browser.complaints() if "GL Driver Message" not in line and "WebGL" not in line]

    def asked_for(self, words: str) -> bool:
        """Whether a tile with these words in its address was asked for."""
        self.run("0")
        return any(words in address for address in self.browser.requests())

    def hash(self) -> str:
        return str(self.run("location.hash"))


@pytest.fixture
def page(browser, viewer):
    if not browser.run("document.createElement('canvas').getContext('webgl2') !== null"):
        pytest.skip("this Chromium has no WebGL")
    return Page(browser, viewer())


def detail(picture: np.ndarray) -> float:
    """How much a picture changes from pixel to pixel: large pixels have little of it."""
    grey = picture.mean(axis=2)
    return float(np.abs(np.diff(grey, axis=1)).mean())


def sides(picture: np.ndarray) -> tuple[float, float]:
    """The detail left and right of a divider in the middle."""
    rows, middle = slice(60, -60), picture.shape[1] // 2
    return detail(picture[rows, middle - 200 : middle - 40]), detail(picture[rows, middle + 40 : middle + 200])


def test_both_layers_are_shown_and_nothing_is_fetched_from_outside(page):
    assert eventually(lambda: min(sides(page.picture())) > 1)
    left, right = sides(page.picture())
    assert left != right
    assert page.complaints() == []
    own = (f"http://127.0.0.1:{page.client.access.port}/", "blob:http://127.0.0.1")
    requests = page.browser.requests()
    assert len(requests) > 20
    assert [address for address in requests if not address.startswith(own)] == []
    assert page.client.access.token not in page.run("location.href")


def test_the_divider_is_swiped_and_layers_are_switched(page):
    page.drag(page.at(0.5, 0.5), page.at(0.25, 0.5))
    divider = "document.querySelector('.compare-swiper-vertical')"
    assert eventually(lambda: page.run(f"{divider}.getAttribute('aria-valuenow')") == "25")
    assert eventually(lambda: "divider=0.25" in page.hash())
    page.choose("layer-a", "2")
    assert page.says("Left: synthetic reference")
    assert page.text("tag-a") == "synthetic reference"
    page.click("swap")
    assert page.says("right: synthetic reference")
    page.choose("layer-o", "1")
    assert page.says("Over both: synthetic LR")
    page.run("const one = document.getElementById('opacity'); one.value = 30; one.dispatchEvent(new Event('input'))")
    assert page.says("Opacity 30 %")
    page.choose("stretch", "5-95")
    assert page.says("Stretch changed")
    page.choose("band-0", "3")
    assert page.says("band 3")
    assert eventually(lambda: all(word in page.hash() for word in ("left=", "over=1", "stretch=5-95", "bands")))
    address = page.run("location.href")
    page.browser.visit("about:blank")
    page.browser.visit(address)
    page.wait()
    chosen = page.run("[...document.querySelectorAll('#layer-o, #stretch, #band-0')].map(one => one.value)")
    assert chosen == ["1", "5-95", "3"]
    assert eventually(lambda: page.asked_for("bands=3,2,3"))


def test_values_under_the_pointer_are_those_of_the_files(page):
    page.browser.mouse("move", *page.at(0.4, 0.4))
    assert eventually(lambda: "LR pixel" in page.text("place"))
    place = page.text("place").split(" ")
    x, y = float(place[1].strip(",")), float(place[3])
    stored = cv2.imread(example_pair()[1].source)[int(y), int(x), ::-1]
    shown = page.run("[...document.querySelectorAll('#values tr:nth-child(2) td')].map(one => Number(one.textContent))")
    assert shown == stored.tolist()
    corners = page.run("document.querySelector('.marks .footprint').getAttribute('points')").split()
    assert len(corners) == 4
    page.click("draw-profile")
    page.drag(page.at(0.3, 0.3), page.at(0.6, 0.6))
    assert eventually(lambda: page.run("document.querySelectorAll('#chart .curve').length") == 2)
    assert page.says("Mean of the shown bands along")


def test_the_keyboard_does_what_the_pointer_does(page):
    page.browser.key("]")
    assert page.says("Divider at 55 %")
    page.browser.key("x")
    assert page.says("Left: synthetic reference")
    page.browser.key("v")
    assert page.says("synthetic LR: ")
    page.browser.key("m")
    assert page.says("Side by side")
    before = page.hash()
    page.browser.key("ArrowRight", 39)
    page.browser.key("+")
    assert eventually(lambda: page.hash() != before and "scale" in page.hash())
    page.browser.key("p")
    page.browser.key("Enter", 13)
    assert eventually(lambda: page.run("document.querySelectorAll('#chart .curve').length") == 2)
    page.browser.key("?")
    assert page.run("document.getElementById('keys').open") is True
    page.click("keys-close")
    page.browser.key("r")
    page.browser.key("Enter", 13)
    assert page.says("Rectangle: About")


def test_a_rectangle_is_drawn_and_restored(page):
    page.run("document.querySelector('[name=model]').value = 'refsr-x4-fast'")
    page.click("draw")
    page.drag(page.at(0.3, 0.3), page.at(0.55, 0.6))
    assert page.says("Rectangle: About")
    page.click("restore")
    assert eventually(lambda: page.run("document.querySelectorAll('#results > li').length") == 1)
    words = page.run("document.querySelector('#results > li').textContent")
    assert "Detail that the reference brought" in words
    assert "refsr-x4-fast, synthetic reference as it lies" in words
    assert page.text("tag-b").startswith("1: refsr-x4-fast")
    page.run("[...document.querySelectorAll('#results button')].find(one => one.textContent === 'borrowed').click()")
    assert page.says("Over both")
    assert "borrowed" in page.text("legends")
    page.run("[...document.querySelectorAll('#results button')].find(one => one.textContent === 'Remove').click()")
    assert page.says("Result 1 is removed")
    assert page.run("document.querySelectorAll('#layer-b option').length") == 2
    assert page.complaints() == []


def test_a_pair_is_uploaded_and_what_is_no_image_is_an_error(page, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    lr, ref = (file.source for file in example_pair())
    files = "[new File(['a'.repeat(90)], 'large.png'), new File(['a'], 'small.png')]"
    page.run(
        f"const list = new DataTransfer(); {files}.forEach(one => list.items.add(one));"
        "dispatchEvent(new DragEvent('drop', {dataTransfer: list}))"
    )
    assert page.says("LR: small.png; reference: large.png")
    page.run("for (const one of document.querySelectorAll('input[type=file]')) one.value = ''")
    page.click("pair-open")
    assert page.text("pair-error") == "Choose an image as LR"
    page.browser.choose_file("#file-lr", broken)
    page.click("pair-open")
    assert eventually(lambda: "broken.png" in page.text("pair-error"))
    page.browser.choose_file("#file-lr", ref)
    page.browser.choose_file("#file-ref", lr)
    page.click("pair-swap")
    page.run("delete document.documentElement.dataset.ready")
    page.click("pair-open")
    page.wait()
    assert page.text("tag-a") == "lr.png (LR)" or page.text("tag-a") == "lr.png"
    assert page.text("tag-b").startswith("ref.png")


def test_enter_leads_from_dropped_images_to_a_result(page):
    """What comes next has the keyboard's focus, and is in view."""
    focused = "document.activeElement.id"
    page.run(
        f"const list = new DataTransfer(); {[as_file(name.source) for name in example_pair()]}"
        ".forEach(([name, data]) => list.items.add(new File([Uint8Array.from(atob(data), one => one.charCodeAt(0))], "
        "name))); dispatchEvent(new DragEvent('drop', {dataTransfer: list}))"
    )
    assert page.run(focused) == "pair-open"
    page.run("delete document.documentElement.dataset.ready")
    page.browser.key("Enter", 13)
    page.wait()
    assert page.says("Opened. Press Restore to see")
    assert page.run(focused) == "restore"
    page.run("document.querySelector('[name=model]').value = 'refsr-x4-fast'")
    page.browser.key("Enter", 13)
    assert eventually(lambda: page.run("document.querySelectorAll('#results > li').length") == 1)
    assert page.run(focused) == "restore"
    bottom = "document.querySelector('#results > li').getBoundingClientRect().bottom"
    assert eventually(lambda: page.run(bottom) <= HEIGHT)


def as_file(path: str) -> list[str]:
    """A file's name and its bytes, for the page."""
    return [Path(path).name, base64.b64encode(Path(path).read_bytes()).decode()]


def test_the_page_fits_narrow_windows_and_both_colour_schemes(page):
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.run(background)
    page.browser.prefer("dark")
    assert page.run(background) != light
    page.choose("theme", "light")
    assert page.run(background) == light
    page.choose("theme", "")
    page.browser.size(400, 800)
    assert page.run("document.documentElement.scrollWidth") <= 400
    assert page.maps()[2] == pytest.approx(400, abs=1)


def test_every_control_has_a_name(page):
    nodes = page.browser.call("Accessibility.getFullAXTree")["nodes"]
    kinds = ("button", "combobox", "slider", "checkbox", "radio", "spinbutton", "textbox", "link")
    controls = [node for node in nodes if node.get("role", {}).get("value") in kinds and not node["ignored"]]
    assert len(controls) > 20
    assert [node["role"] for node in controls if not node.get("name", {}).get("value")] == []
