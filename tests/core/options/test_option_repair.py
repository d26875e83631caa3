"""What `--fix` repairs, and what it leaves to a person."""

from __future__ import annotations

import pytest

from refsr.core.options.problems import Edit
from refsr.core.options.repair import apply_edits, difference, repair

REPAIRED = {
    "slip in a key": ("GT_sise: 64", "GT_size: 64"),
    "case": ("gt_size: 64", "GT_size: 64"),
    "tab and slip": ("GT_sise:\t64", "GT_size: 64"),
    "no space": ("GT_size:64", "GT_size: 64"),
    "quotes": ("GT_size: '64'", "GT_size: 64"),
    "fullwidth": ("GT_size：６４", "GT_size: 64"),
    "yes": ("use_flip: yes", "use_flip: true"),
    "choice": ("crop: Released", "crop: release"),
    "several": ("GT_size: 64.0\n    use_rot: no  # never", "GT_size: 64\n    use_rot: false  # never"),
}


@pytest.mark.parametrize(("broken", "right"), REPAIRED.values(), ids=REPAIRED)
def test_a_clear_repair_is_made_and_nothing_else_changes(good, broken, right):
    repaired, examined = repair(good.replace("GT_size: 64", broken), "f.yml")
    assert repaired == good.replace("GT_size: 64", right)
    assert examined.problems == ()


def test_tabs_become_the_width_that_fits(good):
    for unit in ("  ", "    "):
        spaced = good.replace("  ", unit)
        repaired, examined = repair(spaced.replace(unit, "\t"), "f.yml")
        assert examined.problems == ()
        assert repaired.replace(" ", "") == good.replace(" ", "")


@pytest.mark.parametrize(
    "unclear",
    ["GT_size: 66", "GT_size: sixty", "lr_wait: 64", "beta: 1", "mode: single", "GT_size: 64\n    GT_sise: 32"],
)
def test_what_has_no_clear_repair_stays(good, unclear):
    broken = good.replace("GT_size: 64", unclear)
    repaired, examined = repair(broken, "f.yml")
    assert repaired == broken
    assert examined.problems


def test_an_ambiguous_slip_is_named_but_not_repaired(good):
    broken = good.replace("lr_G: 1e-4", "beta1: 0.5")
    repaired, examined = repair(broken, "f.yml")
    assert repaired == broken
    assert "did you mean 'beta1_" in str(examined.problems[0])


def test_overlapping_edits_wait():
    assert apply_edits("abcdef", [Edit(1, 3, "X"), Edit(2, 4, "Y"), Edit(5, 6, "Z")]) == "aXdeZ"


def test_the_difference_names_the_file():
    shown = difference("a\r\nb\r\n", "a\r\nc\r\n", "f.yml")
    assert shown.splitlines() == ["--- f.yml", "+++ f.yml (repaired)", "@@ -1,2 +1,2 @@", " a", "-b", "+c"]
