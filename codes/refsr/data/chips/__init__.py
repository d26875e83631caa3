"""Cuts scenes into chips: aligned training tuples of HR, LR and Ref, split by place. ../README.md lists the files."""
