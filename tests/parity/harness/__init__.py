"""Parity: what a published implementation gave for known weights and inputs, and what we give."""
