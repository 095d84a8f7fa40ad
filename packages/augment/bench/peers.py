"""The peers of views.ts: torchvision on PIL images and lightly, on the same pixels. Prints one JSON line per measurement.

usage: peers.py FILE COUNT WIDTH HEIGHT SIDE RECIPE WORKERS
"""
import json
import sys
import time

import numpy as np
import torch
import torchvision.transforms as T
from PIL import Image

torch.set_num_threads(1)
path, count, width, height, side, recipe, workers = sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6], int(sys.argv[7])
pixels = np.fromfile(path, np.uint8).reshape(count, height, width, 3)
images = [Image.fromarray(p) for p in pixels]
mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def torchvision_chain():
    strength, blur = (0.4, []) if recipe == "lightlyCifar" else (0.8, [T.RandomApply([T.GaussianBlur(23, (0.1, 2.0))], 0.5)])
    return T.Compose([
        T.RandomResizedCrop(side, (0.08, 1.0)),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(strength, strength, strength, strength / 4)], 0.8),
        T.RandomGrayscale(0.2),
        *blur,
        T.ToTensor(),
        T.Normalize(mean, std),
    ])


def lightly_chain():
    from lightly.transforms import SimCLRTransform

    small = recipe == "lightlyCifar"
    both = SimCLRTransform(input_size=side, cj_strength=0.5 if small else 1.0, gaussian_blur=0.0 if small else 0.5)
    return both.transforms[0]


class Views(torch.utils.data.Dataset):
    def __init__(self, chain):
        self.chain = chain

    def __len__(self):
        return count

    def __getitem__(self, i):
        return self.chain(images[i]), self.chain(images[i])


for name, make in (("torchvision PIL", torchvision_chain), ("lightly", lightly_chain)):
    try:
        loader = torch.utils.data.DataLoader(Views(make()), batch_size=min(64, count), num_workers=workers, persistent_workers=workers > 0)
    except ImportError:
        continue
    for _ in loader:  # warm up
        pass
    start, cpu = time.perf_counter(), time.process_time()
    for _ in loader:
        pass
    seconds = time.perf_counter() - start
    cpu_ms = (time.process_time() - cpu) * 1000 / (2 * count)
    print(json.dumps({"name": name, "viewsPerSecond": 2 * count / seconds, "cpuMsPerView": cpu_ms}), flush=True)
