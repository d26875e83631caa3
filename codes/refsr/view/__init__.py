"""The viewer: rasters and images of one place in the browser, and a rectangle restored there."""
