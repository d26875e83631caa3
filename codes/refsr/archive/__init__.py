"""Many scenes restored on many machines, on Dask."""
