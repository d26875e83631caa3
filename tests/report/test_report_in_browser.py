"""The page in a real Chromium: pictures load, the divider obeys keys, mouse and fingers, nothing is fetched."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made_runs import log_lines, make_results

from browser import Browser
from refsr.report.page import write_report

DIVIDER = "document.querySelector('.example .divider')"
SHIFT, CONTROL = 8, 2


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import json

    folder = tmp_path_factory.mktemp("runs") / "experiments" / "run-a"
    make_results(folder / "results" / "val", images=5)
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log_lines()))
    return write_report([folder]).path


@pytest.fixture
def shown(browser: Browser, page: Path) -> Browser:
    browser.size(1280, 900)
    browser.prefer("light")
    browser.open(page)
    browser.run("try { localStorage.clear() } catch {}")
    browser.open(page)
    return browser


def centre(browser: Browser, selector: str) -> tuple[float, float]:
    """The middle of an element, scrolled into the window."""
    x, y = browser.run(
        f"(async () => {{ const one = document.querySelector({selector!r});"
        "one.scrollIntoView({block: 'center', behavior: 'instant'});"
        # What listens to scrolling is told in the next frame.
        "for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);"
        "const box = one.getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2]; })()"
    )
    return float(x), float(y)


def split(browser: Browser) -> int:
    return int(browser.run(f"Number({DIVIDER}.getAttribute('aria-valuenow'))"))


def eventually(check: Callable[[], bool]) -> bool:
    """Whether it holds within two seconds: input goes through the browser's own queue."""
    deadline = time.monotonic() + 2
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pixels(browser: Browser) -> np.ndarray[Any, Any]:
    return cv2.imdecode(np.frombuffer(browser.screenshot(), np.uint8), cv2.IMREAD_COLOR)


def test_every_picture_loads_without_a_complaint_or_a_request(shown: Browser, page: Path) -> None:
    widths = shown.run("Promise.all([...document.images].map((one) => one.decode().then(() => one.naturalWidth)))")
    # Five examples: LR, Ref, HR, two results, two error maps, what the run made up, where most; two on the stage.
    assert len(widths) == 5 * 11
    assert min(widths) > 0
    assert shown.complaints() == []
    assert shown.requests() == [page.resolve().as_uri()]


def test_layers_are_laid_over_both_pictures_in_turn(shown: Browser) -> None:
    layer = "(document.querySelector('.example .layer') || {}).src"
    labels = shown.run("[...document.querySelector('.layers').options].map((one) => one.textContent)")
    assert len(labels) == 1 + 3
    shown.run(f"{DIVIDER}.focus()")
    seen = []
    for _ in labels:
        seen.append(shown.run(f"{layer} || ''"))
        shown.key("l")
    assert seen[0] == ""
    assert len(set(seen)) == len(labels)
    assert shown.run(f"{layer} || ''") == ""


def test_a_script_that_is_not_ours_does_not_run(shown: Browser) -> None:
    shown.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.bad = 1'}))")
    assert shown.run("window.bad") is None


def test_the_divider_obeys_the_keyboard(shown: Browser) -> None:
    assert shown.run(f"{DIVIDER}.getAttribute('role')") == "slider"
    shown.run(f"{DIVIDER}.focus()")
    for key, code, expected in (
        ("ArrowRight", 39, 51),
        ("ArrowLeft", 37, 50),
        ("PageUp", 33, 60),
        ("PageDown", 34, 50),
        ("Home", 36, 0),
        ("ArrowLeft", 37, 0),
        ("End", 35, 100),
        ("ArrowRight", 39, 100),
    ):
        shown.key(key, code)
        assert split(shown) == expected, key
    assert shown.run(f"{DIVIDER}.getAttribute('aria-valuetext')") == "100 % Bicubic, 0 % run-a"


def test_the_divider_shows_one_picture_left_and_the_other_right(shown: Browser) -> None:
    x, y = centre(shown, ".example .stage .frame")
    width = shown.run("document.querySelector('.example .stage .frame').getBoundingClientRect().width")
    shown.run("for (const one of document.querySelectorAll('.stage .mark, .divider')) one.style.visibility = 'hidden'")
    half = pixels(shown)
    shown.run("document.querySelector('.stage').style.setProperty('--at', '100%')")
    left = pixels(shown)
    shown.run("document.querySelector('.stage').style.setProperty('--at', '0%')")
    right = pixels(shown)
    rows = slice(int(y - width / 3), int(y + width / 3))
    before, after = slice(int(x - width / 3), int(x - 3)), slice(int(x + 3), int(x + width / 3))
    assert (half[rows, before] == left[rows, before]).all()
    assert (half[rows, after] == right[rows, after]).all()
    assert (left[rows, before] != right[rows, before]).any()


def test_the_divider_follows_the_mouse(shown: Browser) -> None:
    x, y = centre(shown, ".example .stage .frame")
    width = shown.run("document.querySelector('.example .stage .frame').getBoundingClientRect().width")
    shown.mouse("move", x, y)
    shown.mouse("down", x, y)
    shown.mouse("move", x + width / 4, y, buttons=1)
    assert eventually(lambda: split(shown) == 75)
    shown.mouse("move", x + width, y, buttons=1)
    assert eventually(lambda: split(shown) == 100), "it stays at the edge"
    shown.mouse("up", x + width, y)
    shown.mouse("move", x, y)
    assert split(shown) == 100, "it was let go"


def test_the_divider_follows_a_finger_and_two_fingers_zoom(browser: Browser, page: Path) -> None:
    browser.size(390, 844, touch=True)
    try:
        browser.open(page)
        x, y = centre(browser, ".example .stage .frame")
        browser.touch("start", (x, y))
        browser.touch("move", (x + 30, y))
        browser.touch("move", (x + 60, y))
        browser.touch("end")
        assert eventually(lambda: split(browser) > 55)
        browser.touch("start", (x - 20, y), (x + 20, y))
        browser.touch("move", (x - 60, y), (x + 60, y))
        browser.touch("end")
        assert eventually(lambda: zoom(browser) > 1.5)
        assert browser.run("document.documentElement.scrollWidth") == 390, "nothing sticks out of a narrow window"
    finally:
        browser.size(1280, 900)


def zoom(browser: Browser) -> float:
    return float(browser.run("Number(document.querySelector('.example').style.getPropertyValue('--zoom'))"))


def test_zoom_moves_all_pictures_of_a_case_together(shown: Browser) -> None:
    transforms = "[...document.querySelector('.example').querySelectorAll('.frame img')].map((one) => {"
    transforms += "const box = one.getBoundingClientRect(), frame = one.closest('.frame').getBoundingClientRect();"
    transforms += "return [box.width / frame.width, (frame.left - box.left) / box.width,"
    transforms += "(frame.top - box.top) / box.height].map((value) => value.toFixed(3)).join(' ') })"
    assert set(shown.run(transforms)) == {"1.000 0.000 0.000"}
    shown.run("document.querySelector('.example [data-zoom=in]').click()")
    assert set(shown.run(transforms)) == {"2.000 0.250 0.250"}
    assert shown.run("getComputedStyle(document.querySelector('.example .hr img')).imageRendering") == "pixelated"
    x, y = centre(shown, ".example .tile.hr .frame")
    width = shown.run("document.querySelector('.example .tile.hr .frame').getBoundingClientRect().width")
    shown.mouse("down", x, y)
    shown.mouse("move", x + width * 0.2, y, buttons=1)
    shown.mouse("up", x + width * 0.2, y)
    assert set(shown.run(transforms)) == {"2.000 0.150 0.250"}, "dragged by a fifth of the window"
    shown.run(f"{DIVIDER}.focus()")
    shown.key("ArrowDown", 40, SHIFT)
    assert set(shown.run(transforms)) == {"2.000 0.150 0.300"}
    shown.key("0")
    assert set(shown.run(transforms)) == {"1.000 0.000 0.000"}
    shown.key("+")
    assert zoom(shown) == 2
    assert shown.run("document.querySelectorAll('.example')[1].style.getPropertyValue('--zoom')") == "1"


def test_the_wheel_scrolls_unless_control_is_held(shown: Browser) -> None:
    x, y = centre(shown, ".example .stage .frame")
    shown.run("document.activeElement.blur()")
    before = shown.run("scrollY")
    shown.mouse("wheel", x, y, deltaX=0, deltaY=-120)
    assert eventually(lambda: shown.run("scrollY") < before)
    assert zoom(shown) == 1
    x, y = centre(shown, ".example .stage .frame")
    shown.mouse("wheel", x, y, deltaX=0, deltaY=-300, modifiers=CONTROL)
    assert eventually(lambda: zoom(shown) > 1.5)


def test_another_pair_can_be_chosen_and_exchanged(shown: Browser) -> None:
    marks = "[...document.querySelectorAll('.example')[0].querySelectorAll('.mark')].map((one) => one.textContent)"
    assert shown.run(marks) == ["Bicubic", "run-a"]
    choose = "(() => { const one = document.querySelector('.example select[data-side=left]');"
    choose += "one.value = [...one.options].find((option) => option.text === 'HR').value;"
    choose += "one.dispatchEvent(new Event('change')); })()"
    shown.run(choose)
    assert shown.run(marks) == ["HR", "run-a"]
    source = "document.querySelector('.example {}').src".format
    assert shown.run(f"{source('.before-clip img')} === {source('.tile.hr img')}")
    shown.run("document.querySelector('.example .exchange').click()")
    assert shown.run(marks) == ["run-a", "HR"]


def test_charts_tell_the_value_under_the_pointer(shown: Browser) -> None:
    tip = "document.getElementById('tip')"
    x, y = centre(shown, "svg[data-lines]")
    shown.mouse("move", x, y)
    assert eventually(lambda: not shown.run(f"{tip}.hidden"))
    assert "Iteration 1" in shown.run(f"{tip}.textContent")
    shown.run("document.querySelector('svg[data-lines]').focus()")
    shown.key("End", 35)
    assert shown.run(f"{tip}.textContent") == "Iteration 2022 dB"
    shown.key("Escape", 27)
    assert shown.run(f"{tip}.hidden")
    x, y = centre(shown, ".dot")
    shown.mouse("move", x, y)
    assert eventually(lambda: "dB" in shown.run(f"{tip}.textContent"))
    assert shown.run("document.querySelectorAll('.dot.same').length") == 4, "the same image in every row"


def test_a_dot_leads_to_its_case_and_a_row_unfolds(shown: Browser) -> None:
    x, y = centre(shown, ".example-dot circle")
    shown.mouse("move", x, y)
    shown.mouse("down", x, y)
    shown.mouse("up", x, y)
    assert eventually(lambda: bool(shown.run("document.querySelector('.example:target') !== null")))
    name = shown.run("document.querySelector('.example:target h4').firstChild.textContent")
    assert name.startswith("place")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_readable(shown: Browser, scheme: str) -> None:
    shown.prefer(scheme)
    read = "(() => { const style = getComputedStyle(document.body), canvas = document.createElement('canvas')"
    read += (
        ".getContext('2d'); return [style.color, style.backgroundColor].map((colour) => { canvas.fillStyle = colour;"
    )
    read += "canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); }) })()"
    ink, paper = shown.run(read)
    assert contrast(ink, paper) > 12
    assert (sum(paper) < 200) == (scheme == "dark")
    assert (pixels(shown)[880, 5] == paper[::-1]).all(), "what is painted is what was asked for"
    for name in ("quiet", "accent", *(f"s{number}" for number in range(6))):
        shown.run(f"document.body.style.color = 'var(--{name})'")
        colour, paper = shown.run(read)
        least = 4.5 if name in ("quiet", "accent") else 3.0
        assert contrast(colour, paper) >= least, f"{name} on paper"


def contrast(a: list[int], b: list[int]) -> float:
    """The contrast ratio of two sRGB colours by the accessibility guidelines."""

    def light(colour: list[int]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_switch_overrides_the_system(shown: Browser) -> None:
    dark = "getComputedStyle(document.documentElement).colorScheme"
    assert shown.run(dark) == "light dark"
    shown.run("document.querySelector('.theme input[value=dark]').click()")
    assert shown.run(dark) == "dark"
    shown.run("document.querySelector('.theme input[value=auto]').click()")
    assert shown.run(dark) == "light dark"


def test_it_prints(shown: Browser) -> None:
    assert len(shown.call("Page.printToPDF")["data"]) > 10_000
