"""How LR is made from HR: presets draw steps, steps are plain numbers, and numbers replay exactly.

- `presets`: what a name on the command line stands for; `draw` gives the steps for one image.
- `sensors`: one of three sensors' responses, noise, JPEG.
- `chain`: the second-order random chain.
- `steps`: blur, resize, noise, JPEG, ..., each with every number that it needs.
- `record`: steps as plain data, and back.
- `levels`: the one range on which steps work.
- `kernels`, `mtf`: the blur kernels, and the Gaussian that gives a sensor its sharpness.
"""
