"""Restoring images of any size with a network from a file: tiles, files, georeferences."""
