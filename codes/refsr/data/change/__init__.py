"""Change masks estimated from LR and Ref alone, after `refsr.registration` has aligned Ref to LR.

- `radiometry`: Ref's colours matched to LR's, by what did not change.
- `evidence`: in how many ways a pixel differs, at several sizes.
- `calibration`: how much each way counts, fitted to worlds whose changes are known, and how well that did on others.
- `estimate`: all of it, from LR and Ref to a mask.
- `difference`: the plain detector beside it, which compares restored images with Ref.
"""
