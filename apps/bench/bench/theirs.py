"""The peers of compare.ts in PyTorch: one measurement per call, printed as one JSON line.

usage: theirs.py JSON, with the fields of a case in cases.ts, `variant` (eager, channels_last, compile) and `steps`.
"""
import json
import os
import resource
import sys
import time

case = json.loads(sys.argv[1])
import torch  # noqa: E402  after the arguments, so that --help of a broken installation still names the case

torch.set_num_threads(int(case.get("threads", 2)))
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        same = stride == 1 and inputs == width
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def backbone():
    """The encoder, without classifier, and its number of features."""
    name, image = case["backbone"], case["image"]
    if name == "resnet18":  # the CIFAR form: 3 x 3 stem, no pool
        base = max(8, 8 * round(8 * case["width"]))
        layers, channels = [nn.Conv2d(3, base, 3, 1, 1, bias=False), nn.BatchNorm2d(base), nn.ReLU()], base
        for stage in range(4):
            for block in range(2):
                layers.append(Block(channels, base * 2**stage, 2 if stage > 0 and block == 0 else 1))
                channels = base * 2**stage
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels
    import torchvision

    if name == "resnet50":
        net = torchvision.models.resnet50()
        net.fc = nn.Identity()
        return net, 2048
    patch = 4 if image == 32 else 16
    net = torchvision.models.VisionTransformer(image, patch, 12, 3, 192, 768)
    net.heads = nn.Identity()
    return net, 192


def head(features):
    hidden = 2048 if case["host"] == "simclr" else features
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 128))


def prepared(net):
    if case["variant"] in ("channels_last", "compile"):
        net = net.to(memory_format=torch.channels_last)
    return torch.compile(net) if case["variant"] == "compile" else net


def images(n):
    x = torch.randn(n, 3, case["image"], case["image"])
    return x if case["variant"] == "eager" else x.to(memory_format=torch.channels_last)


def autocast():
    return torch.autocast("cpu", torch.bfloat16, enabled=case["precision"] == "bf16")


def simclr_step():
    encoder, features = backbone()
    net = prepared(nn.Sequential(encoder, head(features)))
    optimizer = torch.optim.SGD(net.parameters(), 0.06, 0.9, weight_decay=5e-4)
    n = case["batch"]
    views = [images(n), images(n)]
    labels, own = (torch.arange(2 * n) + n) % (2 * n), torch.eye(2 * n) * 1e9

    def step():
        with autocast():  # view by view, as lightly's models do
            z = torch.cat([net(x) for x in views])
        z = F.normalize(z.float())
        loss = F.cross_entropy(z @ z.T / 0.5 - own, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def moco_step():
    import copy

    encoder, features = backbone()
    query = nn.Sequential(encoder, head(features))
    keys = copy.deepcopy(query).requires_grad_(False)
    pairs = list(zip(query.parameters(), keys.parameters()))
    optimizer = torch.optim.SGD(query.parameters(), 0.06, 0.9, weight_decay=5e-4)
    query, keys = prepared(query), prepared(keys)
    n, rows = case["batch"], case.get("queue", 4096)
    queue, place = F.normalize(torch.randn(rows, 128)), 0
    views = [images(n), images(n)]

    def step():
        nonlocal place
        with torch.no_grad():
            for p, k in pairs:
                k.mul_(0.99).add_(p, alpha=0.01)
            with autocast():
                k = keys(views[1])
            k = F.normalize(k.float())
        with autocast():
            q = query(views[0])
        q = F.normalize(q.float())
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.2
        loss = F.cross_entropy(logits, torch.zeros(n, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        queue[place : place + n] = k
        place = (place + n) % rows
        return loss.item()

    return step


def extract_step():
    net = prepared(backbone()[0].eval())
    x = images(case["batch"])

    def step():
        with torch.no_grad(), autocast():
            return net(x).float().sum().item()

    return step


def knn_step():
    from lightly.utils.benchmarking import knn_predict

    rows, tests, classes = case["rows"], case["tests"], 10
    bank, queries = F.normalize(torch.randn(rows, 512)), F.normalize(torch.randn(tests, 512))
    labels = torch.arange(rows) % classes

    def step():
        return float(sum(knn_predict(q, bank.T, labels, classes, 200, 0.1)[:, 0].sum() for q in queries.split(256)))

    return step


def started_ms():
    """Time since the process started, by the kernel's clock."""
    with open("/proc/self/stat") as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    with open("/proc/uptime") as f:
        return (float(f.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")) * 1000


step = {"step": {"simclr": simclr_step, "moco": moco_step}.get(case.get("host")), "extract": extract_step, "knn": knn_step}[case["kind"]]()
step()
result = {"startupMs": started_ms() if sys.platform == "linux" else None}
walls, cpus = [], []
for _ in range(case["steps"]):
    start, cpu = time.perf_counter(), time.process_time()
    step()
    walls.append((time.perf_counter() - start) * 1000)
    cpus.append((time.process_time() - cpu) * 1000)
walls.sort()
result.update(medianMs=walls[len(walls) // 2], minMs=walls[0], minCpuMs=min(cpus))
result["peakRssMb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20))
print(json.dumps(result))
