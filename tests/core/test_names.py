import pytest

from refsr.core.errors import NotBuiltError, UsageError
from refsr.core.names import NAMES, built, names, resolve


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
