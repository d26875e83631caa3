"""How a family of networks learns and restores."""
