"""The page as text: complete, closed, safe, bounded, and honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import SCALE, SIDE, MakeRun, make_results

from refsr.core.errors import DataError, UsageError
from refsr.data.images import write_image
from refsr.evaluation.results import Results
from refsr.report.comparison import compare
from refsr.report.examples import choose, encode, ranked
from refsr.report.frame import asset
from refsr.report.page import PageOptions, write_report
from refsr.report.pictures import Crop, colours, common_top, encoded, error_map, load, painted, worst_crop
from refsr.report.read_runs import read_runs
from refsr.report.tables import scores_table

QUOTED = "rgb-uint8-border4"
VOID = {"meta", "link", "img", "input", "br", "hr"}


class Outline(HTMLParser):
    """Checks that elements close in order and keeps what tests look for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identities: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.identities += [value for key, value in attrs if key == "id" and value]
        if tag == "a":
            self.links.append(found.get("href") or "")
        if tag == "img":
            self.sources.append(found.get("src") or "")
            assert found.get("alt"), "a picture without words"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def page_of(*runs: Path, **options: object) -> Outline:
    written = write_report(list(runs), None, PageOptions(**options))  # type: ignore[arg-type]
    return Outline(written.path.read_text(encoding="utf-8"))


def test_the_page_is_whole_closed_and_fetches_nothing(make_run: MakeRun) -> None:
    folder = make_run()
    written = write_report([folder])
    assert written.path == folder / "report.html"
    text = written.path.read_text(encoding="utf-8")
    assert written.size == len(text.encode())
    assert re.findall(r"https?:|(?:src|href)=\"//|@import|url\(", text) == []
    outline = Outline(text)
    assert len(set(outline.identities)) == len(outline.identities)
    targets = {link.removeprefix("#") for link in outline.links if link != "#top"}
    assert targets <= set(outline.identities)
    assert all(source.startswith("data:image/") for source in outline.sources)
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text, "the browser would refuse our own script"
    assert asset("viewer.js") in text


def test_equal_runs_give_equal_pages(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run()
    pages = [write_report([folder], tmp_path / name).path.read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_numbers_on_the_page_are_those_of_the_results(make_run: MakeRun) -> None:
    folder = make_run()
    (one,) = compare(read_runs([folder]))
    (method,) = one.of_kind("run")
    base = one.base_of(method)
    assert base is not None
    text = page_of(folder).text
    for protocol in one.protocols:
        for summary in (one.summary(method, protocol, "psnr"), one.difference(method, base, protocol, "psnr")):
            assert summary is not None
            assert f"{summary.mean:.2f}" in text
    swap = one.difference(one.ablations_of(method)[0], method, QUOTED, "psnr")
    assert swap is not None
    gain = one.difference(base, method, QUOTED, "psnr")
    assert gain is not None
    share = 100 * swap.mean / gain.mean
    assert 0 < share < 90, "here a part of the gain, so its inverse is another number"
    assert (
        f"With the reference of another place, PSNR falls by {-swap.mean:.2f} dB, "
        f"which is {share:.0f} % of the gain over bicubic." in text
    )
    for words in ("the note", "lpips: no weights here", "abababababab", "step: 20", "20 of 20 iterations", "best"):
        assert words in text, words


def test_a_mean_over_fewer_images_says_so(make_run: MakeRun) -> None:
    run = make_run()
    results = Results.read(run / "results" / "val")
    results.scores = [one for one in results.scores if (one.image, one.method, one.metric)
                      != ("place 02", "bicubic", "ssim")]  # fmt: skip
    results.write(run / "results" / "val")
    (comparison,) = compare(read_runs([run]))
    assert str(scores_table(comparison, "rgb-uint8-border4")).count("over 4 images") == 1


def test_names_cannot_become_markup(make_run: MakeRun) -> None:
    evil = "</script><img src=x onerror=alert(1)>&\"'"
    about = {"notes": [evil], "weights": {"file": evil}, "provenance": {evil: evil}, "x": {evil: [evil]}}
    folder = make_run(dataset=evil, names=lambda number: f"{evil}{number}", about=about, images=2)
    file = folder / "results" / "val" / "results.json"
    file.write_text(file.read_text().replace('"run-a', json.dumps(evil)[:-1]))
    (folder / "options.yml").write_text(evil)
    written = write_report([folder])
    text = written.path.read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert text.count("</script>") == 1
    assert evil in Outline(text).text.replace("  ", " ")


def test_several_runs_stand_side_by_side(make_run: MakeRun) -> None:
    text = page_of(make_run("a"), make_run("b", share=0.3)).text
    assert "2 runs compared" in text
    assert "the note" in text
    assert text.count("the note") == 1, "what both say is said once"


def test_several_data_sets_have_a_section_each(make_run: MakeRun) -> None:
    folder = make_run(images=2)
    make_results(folder / "results" / "test", images=3, dataset="other")
    outline = page_of(folder)
    assert {"results-0", "results-1"} <= set(outline.identities)
    assert "Results on drawn" in outline.text
    assert "Results on other" in outline.text


def test_runs_that_lack_a_part_are_shown_with_the_problem_named(make_run: MakeRun) -> None:
    trained = page_of(make_run("a", results=False))
    assert "not validated yet" in trained.text
    assert "Validation PSNR" in trained.text
    validated = page_of(make_run("b", log=False))
    assert "no training log" in validated.text
    assert "training" not in validated.identities
    plain = page_of(make_run("c", pictures=False))
    assert "contain no pictures" in plain.text


def test_a_generator_and_its_average_are_two_named_curves(make_run: MakeRun) -> None:
    folder = make_run("a", results=False)
    file = folder / "log.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    told: list[dict[str, Any]] = []
    for line in lines:
        validated = line["kind"] == "validation"
        told += [line | {"network": "G_ema"}, line | {"network": "G", "psnr": 60.0}] if validated else [line]
    file.write_text("".join(json.dumps(line) + "\n" for line in told))
    text = page_of(folder).text
    assert text.count("a, G_ema") == text.count("a, G") - text.count("a, G_ema") == 2, "PSNR and SSIM"
    assert "best 22.00 dB at iteration 20" in text, "the best is the best of the network that counts"
    assert page_of(make_run("b", results=False)).text.count("b, G") == 0


def test_baselines_alone_make_a_page(make_run: MakeRun) -> None:
    folder = make_run(images=2, ablations=())
    file = folder / "results" / "val" / "results.json"
    content = json.loads(file.read_text())
    content["methods"] = ["nearest", "bicubic"]
    content["scores"] = [one for one in content["scores"] if one["method"] != "run-a"]
    for named in content["pictures"].values():
        del named["run-a"]
    file.write_text(json.dumps(content))
    assert "Only baselines were evaluated on drawn" in page_of(folder).text


def test_deleted_pictures_are_named_and_the_rest_is_shown(make_run: MakeRun) -> None:
    folder = make_run(images=3)
    pictures = folder / "results" / "val" / "images"
    (pictures / "0" / "2.png").unlink()
    (pictures / "1" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    for file in (pictures / "2").iterdir():
        file.unlink()
    written = write_report([folder])
    problems = "\n".join(written.problems)
    assert "place 00: HR is not shown" in problems
    assert "place 00: no HR picture, so no error maps" in problems
    assert "place 01: Ref is not shown" in problems
    assert "place 02: LR is not shown" in problems
    # Place 01 has HR, LR and a result, so also the map of what was made up.
    assert len(Outline(written.path.read_text()).sources) == 4 - 1 + 1 + 4 + 2 + 2


def test_exact_images_have_infinite_psnr_and_still_a_page(make_run: MakeRun) -> None:
    folder = make_run(images=3)
    file = folder / "results" / "val" / "results.json"
    content = json.loads(file.read_text())
    for one in content["scores"]:
        if one["image"] == "place 01" and one["method"] == "run-a" and one["metric"] == "psnr":
            one["value"] = "inf"
    file.write_text(json.dumps(content))
    text = page_of(folder).text
    assert "not drawn (infinite PSNR): place 01" in text
    assert "∞" in text


def test_measures_of_the_whole_set_have_no_interval(make_run: MakeRun) -> None:
    folder = make_run(images=2)
    file = folder / "results" / "val" / "results.json"
    content = json.loads(file.read_text())
    content["metrics"]["fid"] = {"unit": "", "better": "lower", "library": "x"}
    for method, value in (("nearest", 90.0), ("bicubic", 80.0), ("run-a", 41.5)):
        row = {"image": "", "method": method, "protocol": QUOTED, "metric": "fid", "value": value}
        content["scores"].append(row)
    file.write_text(json.dumps(content))
    page = page_of(folder)
    assert "FIDlower is better" in page.text
    assert "41.5000best−38.5000" in page.text


def test_two_hundred_images_stay_small_and_all_are_listed(make_run: MakeRun) -> None:
    folder = make_run(images=1, pictures=False, ablations=())
    file = folder / "results" / "val" / "results.json"
    content = json.loads(file.read_text())
    rows = content["scores"]
    for number in range(220):
        rows += [one | {"image": f"more {number:03}", "value": one["value"] + (number * 37 % 220) / 100}
                 for one in rows[:12]]  # fmt: skip
    file.write_text(json.dumps(content))
    written = write_report([folder])
    assert written.size < 2**20
    outline = Outline(written.path.read_text())
    assert len([one for one in outline.identities if one.startswith("image-0-")]) == 221
    assert len({link for link in outline.links if link.startswith("#image-0-")}) == 221


def test_cases_are_the_worst_and_the_best_by_gain_or_by_psnr(make_run: MakeRun) -> None:
    (one,) = compare(read_runs([make_run(images=6)]))
    method = one.of_kind("run")[0]
    base = one.base_of(method)
    assert base is not None
    for order, values in (
        ("gain", one.differences(method, base, QUOTED, "psnr")),
        ("psnr", one.values(method, QUOTED, "psnr")),
    ):
        expected = sorted(values, key=values.__getitem__)
        assert ranked(one, QUOTED, order)[0] == expected
        chosen = choose(one, QUOTED, order, 4)
        assert [example.image for example in chosen.examples] == [*expected[:2], *expected[-2:]]
        assert [example.rank for example in chosen.examples] == ["worst", "2nd worst", "2nd best", "best"]
    assert len(choose(one, QUOTED, "gain", 99).examples) == 6
    assert len({example.image for example in choose(one, QUOTED, "gain", 5).examples}) == 5
    assert choose(one, QUOTED, "gain", 0).examples == []


def test_examples_name_the_command_that_opens_them_in_the_viewer(make_run: MakeRun) -> None:
    run, other = make_run(names="my place {}".format), make_run("run-b", names="my place {}".format)
    page = write_report([run, other], run / "page.html", PageOptions(examples=1)).path.read_text()
    folders, quote = f"{run}/results/val {other}/results/val", "&#x27;"
    assert f"<code>refsr view {folders} --case {quote}my place 4{quote}</code>" in page


def test_pages_keep_to_their_size(make_run: MakeRun) -> None:
    folder = make_run(images=6)
    (one,) = compare(read_runs([folder]))
    chosen = choose(one, QUOTED, "gain", 6)
    exact, packed = encode(chosen, lossless=True), encode(chosen, lossless=False)
    assert packed < exact
    smaller = write_report([folder], None, PageOptions(6, "gain", (packed + 10) / 2**20)).path.read_text()
    assert "slight losses" in smaller
    written = write_report([folder], None, PageOptions(6, "gain", packed / 2 / 2**20))
    assert any("examples fit the size limit of the page" in problem for problem in written.problems)
    text = written.path.read_text()
    assert '"worst"' not in text
    assert text.count('class="example"') < 6
    assert ">worst<" in text
    assert ">best<" in text


def test_error_maps_are_absolute_differences_on_a_shared_scale() -> None:
    target = np.full((8, 8, 3), 100, np.uint8)
    image = target.copy()
    image[2, 3] = (70, 100, 130)
    errors = error_map(image, target)
    assert errors[2, 3] == pytest.approx(20)
    assert errors.sum() == pytest.approx(20)
    with pytest.raises(DataError, match=r"is 4 × 8, HR is 8 × 8"):
        error_map(image[:, :4], target)
    assert common_top([np.full((10, 10), 13, np.float32)]) == 16
    assert common_top([]) == 8
    assert (painted(np.array([[0, 16, 99]], np.float32), 16) == colours()[[0, -1, -1]]).all()
    brightness = colours().astype(int) @ [299, 587, 114]
    assert (np.diff(brightness) > 0).all(), "the scale must rise"


def test_lossless_pictures_are_the_pixels() -> None:
    import cv2

    image = np.random.default_rng(1).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    content = base64.b64decode(encoded(image, lossless=True).partition("base64,")[2])
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert (decoded[:, :, ::-1] == image).all()


def test_large_images_are_cut_where_errors_are_largest() -> None:
    errors = np.zeros((100, 200), np.float32)
    errors[70:74, 150:154] = 9
    cut = worst_crop(errors, 40, 4)
    assert not cut.whole
    assert cut.of(errors).shape == (40, 40)
    assert cut.of(errors).sum() == errors.sum()
    assert cut.of(np.zeros((25, 50, 3))).shape == (10, 10, 3), "the same part of LR"
    assert round(cut.top * 100) % 4 == round(cut.left * 200) % 4 == 0, "on LR's grid"
    assert worst_crop(errors, 200, 4) == Crop()
    assert worst_crop(errors, 128, 4).of(errors).shape == (100, 128)


def test_a_crop_is_named_and_all_pictures_share_it(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refsr.report.examples.MOST_PIXELS", 16)
    folder = make_run(images=1)
    assert "Cropped to 16 × 16 pixels" in page_of(folder).text
    (example,) = choose(compare(read_runs([folder]))[0], QUOTED, "gain", 1).examples
    assert {one.role: one.image.shape[:2] for one in example.pictures} == {
        "lr": (4, 4), "ref": (16, 16), "hr": (16, 16), "result": (16, 16), "error": (16, 16),
        "invention": (16, 16), "window": (16, 70),
    }  # fmt: skip


def test_pictures_of_other_kinds_are_shown_as_8_bit_colour(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.png", np.full((4, 4, 1), 7, np.uint8))
    write_image(tmp_path / "deep.png", np.full((4, 4, 3), 65535, np.uint16))
    write_image(tmp_path / "many.npy", np.full((4, 4, 5), 0.5, np.float32))
    assert load(tmp_path, "grey.png").tolist()[0][0] == [7, 7, 7]
    assert load(tmp_path, "deep.png").tolist()[0][0] == [255, 255, 255]
    assert load(tmp_path, "many.npy").tolist()[0][0] == [128, 128, 128]
    with pytest.raises(DataError, match="leads out of"):
        load(tmp_path / "inside", "../grey.png")
    with pytest.raises(DataError, match="leads out of"):
        load(tmp_path / "inside", str(tmp_path / "grey.png"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"examples": -1}, "cannot be shown"),
        ({"order": "ssim"}, "order 'ssim' is not known"),
        ({"most_mib": 0}, "is too small"),
        ({"most_mib": float("nan")}, "is too small"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        PageOptions(**options)  # type: ignore[arg-type]


def test_the_drawn_pictures_have_the_sizes_that_the_page_tells(make_run: MakeRun) -> None:
    folder = make_run(images=1)
    head = (folder / "results" / "val" / "images" / "0" / "0.png").read_bytes()[16:24]
    assert struct.unpack(">II", head) == (SIDE // SCALE, SIDE // SCALE)
    assert f"{SIDE // SCALE} × {SIDE // SCALE}" in page_of(folder).text


def test_classes_have_a_table(make_run: MakeRun) -> None:
    """Means by class, as they are of the results, with the gain over bicubic on the same images."""
    assert "Scores by class" not in page_of(make_run("plain")).text
    folder = make_run(names=lambda number: f"{'sea_ice' if number % 2 else 'river'}/scene_{number}")
    text = write_report([folder]).path.read_text(encoding="utf-8")
    assert "Scores by class" in Outline(text).text
    table = re.search(r'<table class="images classes">(.*?)</table>', text, re.DOTALL)
    assert table is not None
    results = Results.read(folder / "results" / "val")
    for name, images in (("river", 3), ("sea_ice", 2)):
        means = {(one.method, one.metric): one.mean for one in results.table(name) if one.protocol == QUOTED}
        row = re.search(rf'<tr><th scope="row">{name}</th><td>{images}</td>(.*?)</tr>', table[1])
        assert row is not None
        for method in ("nearest", "bicubic", "run-a"):
            assert f"<td>{means[method, 'psnr']:.2f} / {means[method, 'ssim']:.4f}" in row[1]
        gain = means["run-a", "psnr"] - means["bicubic", "psnr"]
        assert f'<span class="edges">+{gain:.2f}</span>' in row[1]
