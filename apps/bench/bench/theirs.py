"""PyTorch's side of compare.ts, which waits for its turns (serve.py).

usage: theirs.py JSON, with the fields of a case in cases.ts, `variant` (eager, channels_last, compile) and `threads`.
"""
import json
import sys

case = json.loads(sys.argv[1])
import torch  # noqa: E402  after the arguments, so that a broken installation still names the case

torch.set_num_threads(case["threads"])
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from networks import backbone, head  # noqa: E402
from serve import serve  # noqa: E402

torch.manual_seed(0)


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
    encoder, features = backbone(case)
    net = prepared(nn.Sequential(encoder, head(case, features)))
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

    encoder, features = backbone(case)
    query = nn.Sequential(encoder, head(case, features))
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
    net = prepared(backbone(case)[0].eval())
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


def gemm_step():
    n = case["rows"]
    x, w = torch.randn(n, n), torch.randn(n, n) / n**0.5

    def step():
        with torch.no_grad(), autocast():
            y = x
            for _ in range(4):
                y = y @ w
            return y.float().sum().item()

    return step


steps = {"extract": extract_step, "knn": knn_step, "gemm": gemm_step}
if case["kind"] in ("step", "start"):
    serve({"simclr": simclr_step, "moco": moco_step}[case["host"]]())
else:
    serve(steps[case["kind"]]())
