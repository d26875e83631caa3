"""Synthetic overhead scenes with known truth."""
