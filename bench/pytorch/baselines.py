"""U-Net, Micro-Net and DIST in PyTorch, written from docs/spec/baselines.md sections 2, 3, 5 and 7, as the independent check
of the TypeScript networks. Parameters are named as there. `width` is Renograde's channel multiplier. Works with PyTorch 1.13
(Debian's python3-torch) and later.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from chr_net import scaled


def crop(x, total):
    """Cuts `total` pixels from each axis, half of them on each side."""
    return x[:, :, total // 2 : -(total // 2), total // 2 : -(total // 2)]


def softmax_maps(logits, distance=None):
    p = logits.softmax(1)
    nucleus = p[:, 1:].sum(1, keepdim=True)
    return torch.cat([p, nucleus, torch.zeros_like(nucleus) if distance is None else distance], 1)


def weighted_entropy(logits, classes, weights):
    return (weights[:, 0] * F.cross_entropy(logits, classes, reduction="none")).mean()


# U-Net, section 3


class Unit(nn.Module):
    """Pre-activation bottleneck of section 2: the first of a group takes its input as it is, and has a shortcut."""

    def __init__(self, a, mid, b, stride, first, padding):
        super().__init__()
        if first:
            self.short = nn.Conv2d(a, b, 1, stride=stride, bias=False)
        else:
            self.preact = nn.BatchNorm2d(a)
        self.after = padding == "tf-same" and stride == 2
        self.conv1, self.bn1 = nn.Conv2d(a, mid, 1, bias=False), nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(mid, mid, 3, stride=stride, padding=0 if self.after else 1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.conv3 = nn.Conv2d(mid, b, 1, bias=False)

    def forward(self, x):
        first = hasattr(self, "short")
        u = x if first else self.preact(x).relu()
        u = self.bn1(self.conv1(u)).relu()
        u = self.bn2(self.conv2(F.pad(u, (0, 1, 0, 1)) if self.after else u)).relu()
        return (self.short(x) if first else x) + self.conv3(u)


class Group(nn.Module):
    def __init__(self, a, mid, b, count, stride, padding):
        super().__init__()
        self.count = count
        for i in range(count):
            self.add_module(f"block{i}", Unit(b if i else a, mid, b, 1 if i else stride, i == 0, padding))
        self.bnlast = nn.BatchNorm2d(b)

    def forward(self, x):
        for i in range(self.count):
            x = self._modules[f"block{i}"](x)
        return self.bnlast(x).relu()


class Stem(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, b, 7, bias=False), nn.BatchNorm2d(b)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Encoder(nn.Module):
    def __init__(self, c, padding):
        super().__init__()
        self.stem = Stem(c(64))
        self.group0 = Group(c(64), c(64), c(256), 3, 1, padding)
        self.group1 = Group(c(256), c(128), c(512), 4, 2, padding)
        self.group2 = Group(c(512), c(256), c(1024), 6, 2, padding)
        self.group3 = Group(c(1024), c(512), c(2048), 3, 2, padding)
        self.bottom = nn.Conv2d(c(2048), c(1024), 1, bias=False)

    def forward(self, x):
        d1 = self.group0(self.stem(x))
        d2 = self.group1(d1)
        d3 = self.group2(d2)
        return d1, d2, d3, self.bottom(self.group3(d3))


class UpStage(nn.Module):
    def __init__(self, a, skip, b):
        super().__init__()
        self.up = nn.ConvTranspose2d(a, a, 2, stride=2)
        self.conv1 = nn.Conv2d(a + skip, b, 3, bias=False)
        self.conv2 = nn.Conv2d(b, b, 3, bias=False)

    def forward(self, x, skip):
        return self.conv2(self.conv1(torch.cat([self.up(x), skip], 1)).relu()).relu()


class UNet(nn.Module):
    def __init__(self, classes=5, width=1.0, padding="symmetric"):
        super().__init__()
        c = lambda channels: scaled(channels, width)
        self.encoder = Encoder(c, padding)
        self.u3 = UpStage(c(1024), c(1024), c(512))
        self.u2 = UpStage(c(512), c(512), c(256))
        self.u1 = UpStage(c(256), c(256), c(128))
        self.out = nn.Conv2d(c(128), classes, 1)

    def forward(self, x):
        d1, d2, d3, d4 = self.encoder(x)
        y = self.u3(d4, d3)
        y = self.u2(y, crop(d2, 8))
        return self.out(self.u1(y, crop(d1, 24)))

    def maps(self, x):
        return softmax_maps(self(x))

    def loss(self, x, t):
        ce = weighted_entropy(self(x), t["classes"], t["weights"])
        return ce, {"ce": ce}


# Micro-Net, section 5


def bicubic(size, to):
    """TensorFlow 1.12's bicubic resizing of one axis as a matrix: corners not aligned, no half pixel, A = -0.75, the
    coefficients from a table of 1024 steps, float32 as in its kernel."""
    table = []
    for step in range(1025):
        x = np.float64(np.float32(step / 1024))
        near = ((-0.75 + 2) * x - (-0.75 + 3)) * x * x + 1
        x = np.float64(np.float32(x + 1))
        far = ((-0.75 * x - 5 * -0.75) * x + 8 * -0.75) * x - 4 * -0.75
        table.append((near, far))
    scale = np.float32(size) / np.float32(to)
    matrix = np.zeros((to, size))
    for i in range(to):
        at = scale * np.float32(i)
        whole = int(at)
        step = int(np.rint(np.float32(at - np.float32(whole)) * np.float32(1024)))
        weights = [table[step][1], table[step][0], table[1024 - step][0], table[1024 - step][1]]
        for k, weight in enumerate(weights):
            matrix[i, min(max(whole - 1 + k, 0), size - 1)] += weight
    return matrix


def resize(x, to):
    m = torch.tensor(bicubic(x.shape[-1], to), dtype=x.dtype)
    return torch.einsum("yh,nchw,xw->ncyx", m, x, m)


class Pair(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.bn = nn.Conv2d(a, b, 3, bias=False), nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3)

    def forward(self, x):
        return self.conv2(self.bn(self.conv1(x)).relu()).relu()


class Down(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.main, self.aux = Pair(a, b), Pair(3, b)

    def forward(self, x, small):
        return torch.cat([F.max_pool2d(self.main(x), 2), self.aux(small)], 1)


class Bottom(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(a, b, 3), nn.Conv2d(b, b, 3)

    def forward(self, x):
        return self.conv2(self.conv1(x).relu()).relu()


class Widen(nn.Module):
    def __init__(self, a, skip, b):
        super().__init__()
        self.up = nn.ConvTranspose2d(a, b, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(b, b, 3), nn.Conv2d(b, b, 3)
        self.grow, self.skip = nn.ConvTranspose2d(b, b, 5), nn.ConvTranspose2d(skip, b, 5)
        self.join = nn.Conv2d(2 * b, b, 1)

    def forward(self, x, skip):
        y = self.conv2(self.conv1(self.up(x)).relu()).relu()
        return self.join(torch.cat([self.grow(y), self.skip(skip)], 1)).relu()


class Auxiliary(nn.Module):
    def __init__(self, a, factor, classes):
        super().__init__()
        self.up = nn.ConvTranspose2d(a, a, factor, stride=factor)
        self.conv, self.out = nn.Conv2d(a, classes, 3), nn.Conv2d(classes, classes, 3)


class MicroNet(nn.Module):
    def __init__(self, classes=5, width=1.0):
        super().__init__()
        c = lambda channels: scaled(channels, width)
        self.b1, self.b2 = Down(3, c(64)), Down(2 * c(64), c(128))
        self.b3, self.b4 = Down(2 * c(128), c(256)), Down(2 * c(256), c(512))
        self.b5 = Bottom(2 * c(512), c(2048))
        self.b6 = Widen(c(2048), 2 * c(512), c(1024))
        self.b7 = Widen(c(1024), 2 * c(256), c(512))
        self.b8 = Widen(c(512), 2 * c(128), c(256))
        self.b9 = Widen(c(256), 2 * c(64), c(128))
        self.aux1 = Auxiliary(c(128), 2, classes)
        self.aux2 = Auxiliary(c(256), 4, classes)
        self.aux3 = Auxiliary(c(512), 8, classes)
        self.out = nn.Conv2d(3 * classes, classes, 3)

    def forward(self, x, kept=None):
        """Main and auxiliary logits. kept: three masks `[N, classes, 254, 254]` of what dropout leaves, or None."""
        b1 = self.b1(x, resize(x, 128))
        b2 = self.b2(b1, resize(x, 64))
        b3 = self.b3(b2, resize(x, 32))
        b4 = self.b4(b3, resize(x, 16))
        b6 = self.b6(self.b5(b4), b4)
        b7 = self.b7(b6, b3)
        b8 = self.b8(b7, b2)
        b9 = self.b9(b8, b1)
        features = [a.conv(a.up(b)).relu() for a, b in ((self.aux1, b9), (self.aux2, b8), (self.aux3, b7))]
        if kept is not None:
            features = [f * mask / 0.5 for f, mask in zip(features, kept)]
        heads = (self.aux1.out, self.aux2.out, self.aux3.out)
        return self.out(torch.cat(features, 1)), [head(f) for head, f in zip(heads, features)]

    def maps(self, x):
        return softmax_maps(self(x)[0])

    def loss(self, x, t, epoch=1, kept=None):
        main, auxiliary = self(x, kept)
        terms = {"ce": weighted_entropy(main, t["classes"], t["weights"])}
        for i, logits in enumerate(auxiliary):
            terms[f"aux{i + 1}"] = weighted_entropy(logits, t["classes"], t["weights"])
        share = 1 if epoch <= 2 else 1 / (epoch - 1)
        return sum(v * (1 if k == "ce" else share) for k, v in terms.items()), terms


# DIST, section 7


class TwoConvs(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3), nn.BatchNorm2d(b)

    def forward(self, x):
        return self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()


class UpTwoConvs(TwoConvs):
    def __init__(self, a, b):
        super().__init__(a + b, b)
        self.up = nn.ConvTranspose2d(a, a, 2, stride=2)

    def forward(self, x, skip):
        return super().forward(torch.cat([self.up(x), skip], 1))


class DIST(nn.Module):
    def __init__(self, classes=5, width=1.0):
        super().__init__()
        levels = [scaled(channels, width) for channels in (32, 64, 128, 256, 512)]
        for i, b in enumerate(levels):
            self.add_module(f"down{i + 1}", TwoConvs(levels[i - 1] if i else 3, b))
        for i, b in enumerate(levels[:-1]):
            self.add_module(f"up{i + 1}", UpTwoConvs(levels[i + 1], b))
        self.distance = nn.Conv2d(levels[0], 1, 1)
        self.types = nn.Conv2d(levels[0], classes, 1)

    def forward(self, x):
        m = self._modules
        e1 = m["down1"](x)
        e2 = m["down2"](F.max_pool2d(e1, 2))
        e3 = m["down3"](F.max_pool2d(e2, 2))
        e4 = m["down4"](F.max_pool2d(e3, 2))
        y = m["up4"](m["down5"](F.max_pool2d(e4, 2)), crop(e4, 8))
        y = m["up3"](y, crop(e3, 32))
        y = m["up2"](y, crop(e2, 80))
        y = m["up1"](y, crop(e1, 176))
        return self.distance(y), self.types(y)

    def maps(self, x):
        distance, types = self(x)
        return softmax_maps(types, distance)

    def loss(self, x, t):
        distance, types = self(x)
        terms = {"mse": F.mse_loss(distance, t["distance"]), "ce": F.cross_entropy(types, t["classes"])}
        return terms["mse"] + terms["ce"], terms
