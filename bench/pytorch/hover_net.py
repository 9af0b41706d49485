"""HoVer-Net in PyTorch, written from docs/spec/baselines.md sections 2 and 6, as the independent check of the TypeScript
network. Parameters are named as in the published PyTorch weights, so that the translation of those names is checked
with it. `width` is Renograde's channel multiplier. Works with PyTorch 1.13 (Debian's python3-torch) and later.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from chr_net import scaled

GROUPS = [(64, 256, 3), (128, 512, 4), (256, 1024, 6), (512, 2048, 3)]


def conv(a, b, k, stride=1, padding=0, groups=1, bias=False):
    return nn.Conv2d(a, b, k, stride=stride, padding=padding, groups=groups, bias=bias)


def bnr(x, norm):
    return F.relu(norm(x))


def crop(x, margin):
    return x[:, :, margin:-margin, margin:-margin]


class Unit(nn.Module):
    """Pre-activation bottleneck; the first of a group takes its input as it is."""

    def __init__(self, a, mid, b, stride, first, padding):
        super().__init__()
        if not first:
            self.add_module("preact/bn", nn.BatchNorm2d(a))
        self.conv1 = conv(a, mid, 1)
        self.add_module("conv1/bn", nn.BatchNorm2d(mid))
        self.tf_same = padding == "tf-same" and stride == 2
        self.conv2 = conv(mid, mid, 3, stride, 0 if self.tf_same else 1)
        self.add_module("conv2/bn", nn.BatchNorm2d(mid))
        self.conv3 = conv(mid, b, 1)
        self.first = first

    def forward(self, x):
        m = self._modules
        u = x if self.first else bnr(x, m["preact/bn"])
        u = bnr(self.conv1(u), m["conv1/bn"])
        u = F.pad(u, (0, 1, 0, 1)) if self.tf_same else u
        return self.conv3(bnr(self.conv2(u), m["conv2/bn"]))


class Closing(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return bnr(x, self.bn)


class Group(nn.Module):
    def __init__(self, a, mid, b, count, stride, padding):
        super().__init__()
        self.shortcut = conv(a, b, 1, stride)
        self.units = nn.ModuleList(
            Unit(b if i else a, mid, b, 1 if i else stride, i == 0, padding) for i in range(count)
        )
        self.blk_bna = Closing(b)

    def forward(self, x):
        y = self.shortcut(x) + self.units[0](x)
        for unit in self.units[1:]:
            y = y + unit(y)
        return self.blk_bna(y)


class DenseUnit(nn.Module):
    def __init__(self, a, mid, growth, k):
        super().__init__()
        self.add_module("preact_bna/bn", nn.BatchNorm2d(a))
        self.conv1 = conv(a, mid, 1)
        self.add_module("conv1/bn", nn.BatchNorm2d(mid))
        self.conv2 = conv(mid, growth, k, groups=4)

    def forward(self, x):
        m = self._modules
        return self.conv2(bnr(self.conv1(bnr(x, m["preact_bna/bn"])), m["conv1/bn"]))


class Dense(nn.Module):
    def __init__(self, a, mid, growth, k, count):
        super().__init__()
        self.units = nn.ModuleList(DenseUnit(a + i * growth, mid, growth, k) for i in range(count))
        self.blk_bna = Closing(a + count * growth)
        self.margin = k // 2

    def forward(self, x):
        for unit in self.units:
            x = torch.cat([crop(x, self.margin), unit(x)], 1)
        return self.blk_bna(x)


class Stage(nn.Module):
    def __init__(self, a, mid, count, b, k, c):
        super().__init__()
        self.conva = conv(c(a), c(mid), k)
        self.dense = Dense(c(mid), c(128), c(32), k, count)
        self.convf = conv(c(mid) + count * c(32), c(b), 1)

    def forward(self, x):
        return self.convf(self.dense(self.conva(x)))


class Last(nn.Module):
    def __init__(self, k, c):
        super().__init__()
        self.conva = conv(c(256), c(64), k, padding=k // 2)


class Head(nn.Module):
    def __init__(self, outputs, c):
        super().__init__()
        self.bn = nn.BatchNorm2d(c(64))
        self.conv = conv(c(64), outputs, 1, bias=True)


class Decoder(nn.Module):
    def __init__(self, outputs, k, c):
        super().__init__()
        self.u3 = Stage(1024, 256, 8, 512, k, c)
        self.u2 = Stage(512, 128, 4, 256, k, c)
        self.u1 = Last(k, c)
        self.u0 = Head(outputs, c)

    def forward(self, d1, d2, d3, d4, up):
        y = self.u3(up(d4) + d3)
        y = self.u2(up(y) + d2)
        y = self.u1.conva(up(y) + d1)
        return self.u0.conv(bnr(y, self.u0.bn))


class Up(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("unpool_mat", torch.ones(2, 2))

    def forward(self, x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


class HoVerNet(nn.Module):
    """types: channels of the type branch with background, or None. mode: "original" (5x5) or "fast" (3x3)."""

    def __init__(self, types=5, mode="original", width=1.0, padding="tf-same"):
        super().__init__()
        c = lambda channels: scaled(channels, width)
        fast = mode == "fast"
        self.conv0 = nn.Module()
        self.conv0.add_module("/", conv(3, c(64), 7, padding=3 if fast else 0))
        self.conv0.add_module("bn", nn.BatchNorm2d(c(64)))
        a = c(64)
        for g, (mid, b, count) in enumerate(GROUPS):
            self.add_module(f"d{g}", Group(a, c(mid), c(b), count, 2 if g else 1, padding))
            a = c(b)
        self.conv_bot = conv(c(2048), c(1024), 1)
        k = 3 if fast else 5
        branches = [("tp", types)] if types else []
        self.decoder = nn.ModuleDict(
            {name: Decoder(n, k, c) for name, n in [*branches, ("np", 2), ("hv", 2)]}
        )
        self.upsample2x = Up()
        self.margins = (46, 18) if fast else (92, 36)

    def forward(self, image):
        """Logits and maps by branch; `image` is RGB in 0...1."""
        m = self._modules
        x = bnr(self.conv0._modules["/"](image), self.conv0.bn)
        d1 = m["d0"](x)
        d2 = m["d1"](d1)
        d3 = m["d2"](d2)
        d4 = self.conv_bot(m["d3"](d3))
        d1, d2 = crop(d1, self.margins[0]), crop(d2, self.margins[1])
        return {name: branch(d1, d2, d3, d4, self.upsample2x) for name, branch in self.decoder.items()}

    def maps(self, image):
        """[classes, nucleus, horizontal, vertical]; without types the nucleus is the one class."""
        out = self(image)
        nucleus = F.softmax(out["np"], 1)
        classes = F.softmax(out["tp"], 1) if "tp" in out else nucleus
        return torch.cat([classes, nucleus[:, 1:2], out["hv"]], 1)


def loss(out, classes, offsets):
    """The terms of spec/baselines.md section 6, slopes along each map's own axis, and their weighted sum."""

    def cross_entropy_and_dice(logits, truth):
        p = F.softmax(logits, 1)
        t = F.one_hot(truth, logits.shape[1]).permute(0, 3, 1, 2).to(p.dtype)
        both, all_ = (p * t).sum((0, 2, 3)), p.sum((0, 2, 3)) + t.sum((0, 2, 3))
        return F.cross_entropy(logits, truth), (1 - (2 * both + 1e-3) / (all_ + 1e-3)).sum()

    at = torch.arange(-2, 3, dtype=offsets.dtype)
    y, x = torch.meshgrid(at, at, indexing="ij")
    kernels = torch.stack([x, y])[:, None] / (x * x + y * y + 1e-15)
    nucleus = (classes > 0).long()
    mask = nucleus[:, None].to(offsets.dtype)
    slopes = lambda maps: F.conv2d(maps, kernels, padding=2, groups=2)
    error = mask * (slopes(out["hv"]) - slopes(offsets)) ** 2
    np_terms = cross_entropy_and_dice(out["np"], nucleus)
    terms = {
        "np": np_terms[0],
        "npDice": np_terms[1],
        "mse": F.mse_loss(out["hv"], offsets),
        "msge": error.sum() / (2 * mask.sum() + 1e-8),
    }
    if "tp" in out:
        terms["tp"], terms["tpDice"] = cross_entropy_and_dice(out["tp"], classes)
    total = sum(value * (2 if name == "mse" else 1) for name, value in terms.items())
    return total, terms
