"""Cuts scenes into chips: aligned training tuples of HR, LR and Ref, split by place.

- `settings`: all that decides what is cut, and its checks.
- `ground_blocks`: which ground trains and which tests, by coordinates alone.
- `survey`: what the sources are: grids, bands, ranges, dates, digests.
- `chip_scene`: one HR scene with the references and LR rasters on its grid; reads one chip.
- `candidates`: the chips that a scene could give, with their footprints and splits.
- `record`: chips.json and the journal by which an interrupted run goes on.
- `run`: all scenes; `extras`: footprints, contact sheet and the part of an option file.
"""
