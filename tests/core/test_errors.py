from refsr.core.errors import nearest, suggestion


def test_nearest_finds_a_slip_and_ignores_case():
    assert nearest("pixel_wieght", ["pixel_weight", "gan_weight"]) == "pixel_weight"
    assert nearest("DATAROOT_gt", ["dataroot_GT", "dataroot_LQ"]) == "dataroot_GT"


def test_nothing_near_gives_nothing():
    assert nearest("zebra", ["pixel_weight"]) is None
    assert suggestion("zebra", ["pixel_weight"]) == ""
