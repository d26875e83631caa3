"""Measures, and the protocols under which they are quoted."""
