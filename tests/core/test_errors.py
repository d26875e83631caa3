from refsr.core.errors import nearest, suggestion


def test_nearest_finds_a_slip_and_ignores_case():
    assert nearest("pixel_wieght", ["pixel_weight", "gan_weight"]) == "pixel_weight"
    assert nearest("DATAROOT_gt", ["dataroot_GT", "dataroot_LQ"]) == "dataroot_GT"


def test_files_are_near_by_more_than_their_suffixes():
    assert suggestion("nix.png", ["x.jpg"]) == ""
    assert suggestion("b.png", ["a.png"]) == ""
    assert nearest("scene.png", ["scope.png", "scene.jpg"]) == "scene.jpg"
    assert nearest("a.pgn", ["a.png"]) == "a.png"
    assert nearest("river07.tif", ["lake.tif", "river08.tif"]) == "river08.tif"
    assert nearest("rrsnet-smal-x4", ["rrsnet-small-x4"]) == "rrsnet-small-x4"


def test_nothing_near_gives_nothing():
    assert nearest("zebra", ["pixel_weight"]) is None
    assert suggestion("zebra", ["pixel_weight"]) == ""
