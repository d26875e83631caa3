"""Laying one image on another: the transform between two views of the same ground."""
