"""Variations of the shipped cases: other widths, depths, sizes and options, fewer terms; at least one of each kind."""

from variations import refdiff, reference, specgan, tsfnet

VARIATIONS = [*refdiff.VARIATIONS, *reference.VARIATIONS, *specgan.VARIATIONS, *tsfnet.VARIATIONS]
