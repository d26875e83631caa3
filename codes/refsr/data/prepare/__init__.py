"""Derives a data set's LR, LR_UX<s> and Ref_DUX<s> from its HR and Ref images.

- `sources`: finds and checks the images of a folder before any work.
- `derive`: what becomes of one pair.
- `manifest`: what a prepared folder says of itself, by which a rerun does only what is missing.
- `run`: all pairs, over processes.
"""
