"""References made harder than a renderer or a copy gives them: other ground, other tones, displaced, softer, noisier.

- `hardness`: how much of each, at most.
- `draws`: what one reference gets, a function of seed and name alone.
- `elastic`: a smooth displacement, exact at any point, and its inverse.
- `tone`: a smooth random curve of brightness.
- `foreign`: ground of another place in smooth random areas.
- `harden`: all of it on an image.
- `self_reference`: a reference made from an image itself.
"""
