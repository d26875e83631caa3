"""Where Ref shows another state of the ground than LR does, estimated from the two alone.

- `registration`: Ref laid onto LR's frame at LR's scale.
- `radiometry`: Ref's colours brought to LR's, led by what did not change.
- `evidence`: in how many ways a pixel differs, at several sizes.
- `calibration`: how much each way counts, fitted to worlds whose changes are known, and how well that did on others.
- `estimate`: all of it, from LR and Ref to a mask.
"""
