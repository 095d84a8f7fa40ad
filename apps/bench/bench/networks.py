"""The networks of compare.ts in PyTorch."""
import torch
import torch.nn as nn
import torch.nn.functional as F

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


def backbone(case):
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


def head(case, features):
    hidden = 2048 if case["host"] == "simclr" else features
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 128))
