"""lightly's side of the epochs of compare.ts: SimCLR by its transform, head and loss. Prints one line of JSON about the second epoch.

usage: theirs_epoch.py JSON, with the fields of a case in cases.ts, `path` of the images and `threads`.
"""
import io
import json
import os
import sys
import tarfile
import time

import torch
from lightly.loss import NTXentLoss
from lightly.transforms import SimCLRTransform
from networks import backbone, head
from PIL import Image
from serve import answer, peak_mb

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(0)


class Archive(torch.utils.data.Dataset):
    """The images of one folder of a tar archive, decoded beforehand."""

    def __init__(self, path, split, transform):
        with tarfile.open(path) as tar:
            members = [m for m in tar if m.isfile() and m.name.startswith(f"{split}/")]
            self.images = [Image.open(io.BytesIO(tar.extractfile(m).read())).convert("RGB") for m in members]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), 0


def dataset():
    small = case["image"] == 32
    transform = SimCLRTransform(input_size=case["image"], cj_strength=0.5 if small else 1.0, gaussian_blur=0.0 if small else 0.5)
    if case["data"] == "cifar10-mini":
        return Archive(case["path"], case["split"], transform)
    import torchvision

    return torchvision.datasets.ImageFolder(case["path"], transform)


loader = torch.utils.data.DataLoader(
    dataset(), batch_size=case["batch"], shuffle=True, drop_last=True, num_workers=os.cpu_count(), persistent_workers=True
)
encoder, features = backbone(case)
model = torch.nn.Sequential(encoder, head(case, features)).to(memory_format=torch.channels_last)
loss_of = NTXentLoss(0.5)
optimizer = torch.optim.SGD(model.parameters(), 0.06, 0.9, weight_decay=5e-4)


def epoch():
    waited, asked = 0.0, time.perf_counter()
    for (first, second), _ in loader:
        waited += time.perf_counter() - asked
        loss = loss_of(*(model(x.to(memory_format=torch.channels_last)) for x in (first, second)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        asked = time.perf_counter()
    return waited


epoch()
start = time.perf_counter()
waited = epoch()
seconds = time.perf_counter() - start
answer({"seconds": seconds, "waitShare": waited / seconds, "peakRssMb": peak_mb()})
