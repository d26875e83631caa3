import pytest

from refsr.core.errors import NotBuiltError, UsageError
from refsr.core.names import NAMES, built, canonical, is_built, names, resolve


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in NAMES for name in built(kind)])
def test_every_built_name_resolves(kind, name):
    assert resolve(kind, name) is not None


def test_a_slip_is_answered_with_the_nearest_name():
    with pytest.raises(UsageError, match="did you mean 'RRSNet'"):
        resolve("network", "RSRNet")


def test_names_that_are_not_built_say_so():
    missing = set(names("network")) - set(built("network"))
    for name in missing:
        with pytest.raises(NotBuiltError, match="not part of this version"):
            resolve("network", name)


def test_a_second_spelling_stands_for_the_first_and_is_as_built_as_that():
    assert canonical("network", "RGTNet_arch") == "RGTNet"
    assert canonical("network", "RGTNet") == "RGTNet"
    assert is_built("network", "RGTNet_arch") == is_built("network", "RGTNet")
    spellings = {place for table in NAMES.values() for place in table.values() if place and ":" not in place}
    assert all(any(place in table for table in NAMES.values()) for place in spellings)
