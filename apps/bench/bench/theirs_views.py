"""The peers of views.ts: torchvision on PIL images, or lightly, on the same pixels and by the same recipe (serve.py).

usage: theirs_views.py JSON, with the fields of a case in cases.ts, `variant` (torchvision, lightly) and `threads`.
"""
import glob
import json
import sys

import numpy as np
import torch
import torchvision.transforms as T
from PIL import Image
from serve import serve

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
side, blur = case["image"], case["image"] > 32


def torchvision_chain():
    return T.Compose([
        T.RandomResizedCrop(side, (0.2, 1.0) if blur else (0.08, 1.0)),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        T.RandomGrayscale(0.2),
        *([T.RandomApply([T.GaussianBlur(23, (0.1, 2.0))], 0.5)] if blur else []),
        T.ToTensor(),
        T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])


def lightly_chain():
    from lightly.transforms import MoCoV2Transform, SimCLRTransform

    if blur:
        return MoCoV2Transform(input_size=side).transforms[0]
    return SimCLRTransform(input_size=side, cj_strength=0.5, gaussian_blur=0.0).transforms[0]


if blur:
    files = sorted(glob.glob(case["path"] + "/*/*.jpg"))
    sources = [lambda f=f: Image.open(f).convert("RGB") for f in files]
else:
    pixels = np.fromfile(case["path"], np.uint8).reshape(case["rows"], side, side, 3)
    sources = [lambda image=Image.fromarray(p): image for p in pixels]
chain = {"torchvision": torchvision_chain, "lightly": lightly_chain}[case["variant"]]()


def step():
    batch = []
    for load in sources:
        image = load()
        batch += [chain(image), chain(image)]
        if len(batch) == 128:
            torch.stack(batch)
            batch = []


serve(step)
