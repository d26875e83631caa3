"""Arithmetic of windows, against sets of pixels counted one by one."""

import itertools

from refsr.core.window import Window

SIDE = 24


def pixels(window):
    return {(row, column) for row in range(window.top, window.bottom) for column in range(window.left, window.right)}


def cells(places, ratio):
    return {(row // ratio, column // ratio) for row, column in places}


def test_surrounded_is_all_cells_within_the_margin_and_no_more():
    windows = [Window(*one) for one in itertools.product((0, 5, 11), (3, 8), (1, 4, 7), (2, 6))]
    for window, ratio, margin in itertools.product(windows, (2, 3, 4), (0, 1, 2)):
        touched = cells(pixels(window), ratio)
        near = {
            (row + down, column + across)
            for row, column in touched
            for down, across in itertools.product(range(-margin, margin + 1), repeat=2)
        }
        expected = {
            (row, column) for row, column in pixels(Window(0, 0, SIDE, SIDE)) if (row // ratio, column // ratio) in near
        }
        assert pixels(window.surrounded(ratio, margin, SIDE, SIDE)) == expected, (window, ratio, margin)


def test_common_is_the_intersection_and_empty_where_there_is_none():
    windows = [Window(*one) for one in itertools.product((0, 3), (1, 4), (1, 3), (2, 5))]
    for one, other in itertools.product(windows, repeat=2):
        shared = one.common(other)
        assert pixels(shared) == pixels(one) & pixels(other)
        assert shared.empty == (not pixels(one) & pixels(other))


def test_within_cuts_the_same_pixels_from_an_array_of_the_outer_window():
    outer, inner = Window(4, 6, 9, 11), Window(5, 8, 3, 2)
    rows, columns = inner.within(outer)
    kept = {(outer.top + row, outer.left + column) for row in range(9)[rows] for column in range(11)[columns]}
    assert kept == pixels(inner)


def test_grown_and_times_are_the_pixels_around_and_the_finer_ones():
    window = Window(2, 3, 4, 5)
    assert pixels(window.grown(1)) == {(row, column) for row in range(1, 7) for column in range(2, 9)}
    assert cells(pixels(window.times(3)), 3) == pixels(window)
    assert len(pixels(window.times(3))) == 9 * len(pixels(window))
    assert window.times(3).reduced(3) == window
