"""Sets of remote-sensing scenes in class folders: UCMerced, AID and NWPU-RESISC45, and how they are split.

- `catalogue`: what each set is: classes, images, size, shares of the split.
- `folders`: finds a set's class folders and images as they are distributed.
- `split`: which image goes to train, val or test: by draw, or by lists.
- `plan`: a set as pairs to prepare.
"""
