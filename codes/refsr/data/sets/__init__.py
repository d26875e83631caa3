"""Data sets: each kind says which members it has; one class reads, cuts, derives and turns them all."""
