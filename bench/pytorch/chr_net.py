"""CHR-Net in PyTorch, written from docs/spec/network.md alone, as the code of the paper computes it (no reordering).

It is the independent check of the TypeScript network (same weights, same outputs, layer by layer) and the
opponent of the speed benchmarks. Works with PyTorch 1.13 (Debian's python3-torch) and later. Parameter names are
those of spec/network.md section 15, so `load_state_dict(..., strict=True)` takes Renograde's checkpoints.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

PAPER = dict(res_relu="block", gc_init="zero-last", lu_input="probabilities", fusion_input="probabilities", padding="symmetric")
REFERENCE = dict(res_relu="group", gc_init="xavier", lu_input="logits", fusion_input="logits", padding="tf-same")


def scaled(channels, width):
    """Channels times width, to the nearest multiple of 8 (ties up), at least 8."""
    return max(8, int((channels * width + 4) // 8) * 8)


def up2(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Conv(nn.Conv2d):
    """Bias-free convolution that keeps size ("same"); stride 2 pads as `padding` says."""

    def __init__(self, a, b, k, stride=1, padding="symmetric", bias=False, valid=False):
        super().__init__(a, b, k, stride=stride, bias=bias)
        self.same = k // 2
        self.tf_same = padding == "tf-same" and stride == 2 and k == 3
        self.valid = valid

    def forward(self, x):
        if self.valid or self.same == 0:
            return super().forward(x)
        if self.tf_same:
            return super().forward(F.pad(x, (0, 1, 0, 1)))
        return F.conv2d(x, self.weight, self.bias, self.stride, self.same)


class ConvBn(nn.Module):
    """Conv, batch norm; ReLU unless told otherwise."""

    def __init__(self, a, b, k, stride=1, padding="symmetric", valid=False):
        super().__init__()
        self.conv = Conv(a, b, k, stride, padding, valid=valid)
        self.bn = nn.BatchNorm2d(b)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class ChannelNorm(nn.Module):
    """Layer norm over C, H, W of a sample with one weight and bias per channel."""

    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c))
        self.bias = nn.Parameter(torch.zeros(c))

    def forward(self, x):
        return F.layer_norm(x, x.shape[1:], eps=1e-5) * self.weight[:, None, None] + self.bias[:, None, None]


class GlobalContext(nn.Module):
    def __init__(self, c):
        super().__init__()
        r = max(1, c // 8)
        self.mask = nn.Conv2d(c, 1, 1, bias=False)
        self.fc1 = nn.Conv2d(c, r, 1, bias=False)
        self.ln = ChannelNorm(r)
        self.fc2 = nn.Conv2d(r, c, 1, bias=False)

    def forward(self, x):
        n, c, h, w = x.shape
        a = F.softmax(self.mask(x).reshape(n, h * w, 1), dim=1)
        context = torch.matmul(x.reshape(n, c, h * w), a).reshape(n, c, 1, 1)
        return x + self.fc2(F.relu(self.ln(self.fc1(context))))


class Res(nn.Module):
    def __init__(self, a, c, stride, o, relu):
        super().__init__()
        self.conv1, self.bn1 = Conv(a, c, 3, stride, o["padding"]), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = Conv(c, c, 3), nn.BatchNorm2d(c)
        self.gc = GlobalContext(c)
        self.relu = relu
        if stride == 2:
            self.short, self.shortBn = nn.Conv2d(a, c, 1, 2, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        u = F.relu(self.bn1(self.conv1(x)))
        u = self.gc(self.bn2(self.conv2(u)))
        v = self.shortBn(self.short(x)) if hasattr(self, "short") else x
        return F.relu(u + v) if self.relu else u + v


class Group(nn.Module):
    def __init__(self, a, c, count, stride, o):
        super().__init__()
        self.count = count
        for i in range(count):
            relu = o["res_relu"] == "block" or i == count - 1
            setattr(self, f"block{i}", Res(a if i == 0 else c, c, stride if i == 0 else 1, o, relu))

    def forward(self, x):
        for i in range(self.count):
            x = getattr(self, f"block{i}")(x)
        return x


class Encoder(nn.Module):
    def __init__(self, c, o):
        super().__init__()
        self.stem = ConvBn(3, c[0], 7, valid=True)
        self.group0 = Group(c[0], c[0], 3, 1, o)
        self.group1 = Group(c[0], c[1], 4, 2, o)
        self.group2 = Group(c[1], c[2], 6, 2, o)
        self.group3 = Group(c[2], c[3], 3, 2, o)

    def forward(self, x):
        d1 = self.group0(self.stem(x))
        d2 = self.group1(d1)
        d3 = self.group2(d2)
        return d1, d2, d3, self.group3(d3)


class Pair(nn.Module):
    """Two BNR convolutions with the children conv1, bn1, conv2, bn2."""

    def __init__(self, a, c, s1=1, s2=1, padding="symmetric"):
        super().__init__()
        self.conv1, self.bn1 = Conv(a, c, 3, s1, padding), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = Conv(c, c, 3, s2, padding), nn.BatchNorm2d(c)

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.u3, self.u2, self.u1 = Pair(c[3] + c[2], c[2]), Pair(c[2] + c[1], c[1]), Pair(c[1] + c[0], c[0])
        self.out = nn.Conv2d(c[0], 2, 1)

    def forward(self, d1, d2, d3, d4):
        x = self.u3(torch.cat([up2(d4), d3], 1))
        x = self.u2(torch.cat([up2(x), d2], 1))
        return self.out(self.u1(torch.cat([up2(x), d1], 1)))


class LUNet(nn.Module):
    def __init__(self, c, o):
        super().__init__()
        self.d1, self.d2, self.d3 = Pair(2, c[0]), Pair(c[0], c[1], 2, 1, o["padding"]), Pair(c[1], c[2], 2, 1, o["padding"])
        self.u2, self.u1 = Pair(c[2] + c[1], c[1]), Pair(c[1] + c[0], c[0])
        self.out = nn.Conv2d(c[0], 1, 1)

    def forward(self, x):
        d1 = self.d1(x)
        d2 = self.d2(d1)
        d3 = self.d3(d2)
        x = self.u2(torch.cat([up2(d3), d2], 1))
        return torch.sigmoid(self.out(self.u1(torch.cat([up2(x), d1], 1))))


class Aux(Pair):
    def __init__(self, c, stride, o):
        super().__init__(3, c[1], stride, stride, o["padding"])
        self.gc = GlobalContext(c[1])
        self.up, self.straight = ConvBn(c[1], c[0], 3), ConvBn(c[1], c[1], 3)
        self.down = ConvBn(c[1], c[2], 3, 2, o["padding"])

    def forward(self, x):
        e = self.gc(super().forward(x))
        return self.up(up2(e)), self.straight(e), self.down(e)


class Hrfe(nn.Module):
    def __init__(self, c, o):
        super().__init__()
        a, (p, q, r) = c[0], c[1:]
        pad = o["padding"]
        self.com_11, self.com_12, self.com_22 = ConvBn(q, p, 1), ConvBn(r, p, 1), ConvBn(r, q, 1)
        self.conv_img12, self.conv_img22, self.conv_img32 = ConvBn(p + a, p, 1), ConvBn(q + p, q, 1), ConvBn(r + q, r, 1)
        for name, ch in [("groupl11", p), ("groupl12", p), ("groupl13", p), ("groupl22", q), ("groupl23", q), ("groupl33", r)]:
            setattr(self, name, Res(ch, ch, 1, o, True))
        self.conv_straight11, self.conv_straight12, self.conv_straight13 = ConvBn(p, p, 3), ConvBn(p, p, 3), ConvBn(p, p, 3)
        self.conv_straight22, self.conv_straight23, self.conv_straight33 = ConvBn(q, q, 3), ConvBn(q, q, 3), ConvBn(r, r, 3)
        self.conv_down11, self.conv_down12, self.conv_down13 = (ConvBn(p, q, 3, 2, pad) for _ in range(3))
        self.conv_down22, self.conv_down23 = ConvBn(q, r, 3, 2, pad), ConvBn(q, r, 3, 2, pad)
        self.conv_downdown12, self.conv_downdown13 = ConvBn(q, r, 3, 2, pad), ConvBn(q, r, 3, 2, pad)
        self.com_13, self.com_141, self.com_142, self.com_24 = ConvBn(q, p, 1), ConvBn(q, p, 1), ConvBn(r, p, 1), ConvBn(r, q, 1)
        self.mix = ConvBn(p + q + r, q, 1)
        self.out = nn.Conv2d(q, 4, 1)

    def forward(self, d2, d3, d4, a1, a2, a3):
        cat = lambda *xs: torch.cat(xs, 1)
        r11 = self.groupl11(self.conv_img12(cat(d2 + self.com_11(up2(d3)), a1)))
        x12 = self.conv_straight11(r11) + self.com_12(up2(up2(d4)))
        x22 = self.conv_img22(cat(self.conv_down11(r11) + self.com_22(up2(d4)), a2))
        r12, r22 = self.groupl12(x12), self.groupl22(x22)
        down12 = self.conv_down12(r12)
        r13 = self.groupl13(self.conv_straight12(r12) + self.com_13(up2(r22)))
        r23 = self.groupl23(self.conv_straight22(r22) + down12)
        r33 = self.groupl33(self.conv_img32(cat(self.conv_down22(r22) + self.conv_downdown12(down12), a3)))
        down13 = self.conv_down13(r13)
        s1 = self.conv_straight13(r13) + self.com_141(up2(r23)) + self.com_142(up2(up2(r33)))
        s2 = self.conv_straight23(r23) + down13 + self.com_24(up2(r33))
        s3 = self.conv_straight33(r33) + self.conv_downdown13(down13) + self.conv_down23(r23)
        return self.out(up2(self.mix(cat(s1, up2(s2), up2(up2(s3))))))


class Fuse(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Conv2d(8, 5, 1)


class CHRNet(nn.Module):
    """CHR-Net (MHR+WDist). Input [N, 3, 8n+6, 8n+6] in 0..1; `maps` has the 7 channels of section 1."""

    def __init__(self, preset=PAPER, width=1.0):
        super().__init__()
        c = [scaled(k, width) for k in (64, 128, 256, 512)]
        self.options = preset
        self.encoder = Encoder(c, preset)
        self.unet, self.lunet = UNet(c), LUNet(c, preset)
        self.aux100, self.aux400 = Aux(c, 1, preset), Aux(c, 2, preset)
        self.hrfe1, self.hrfe2 = Hrfe(c, preset), Hrfe(c, preset)
        self.fuse = Fuse()
        self.initialise()

    def initialise(self):
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
                if name.endswith("gc.fc2") and self.options["gc_init"] == "zero-last":
                    nn.init.zeros_(module.weight)
            if name.endswith(".bn2") and hasattr(self.get_submodule(name.rsplit(".", 1)[0]), "gc") and not name.startswith("aux"):
                nn.init.zeros_(module.weight)

    def forward(self, x):
        """Returns (binary logits, distance, task 1 logits, task 2 logits, final logits), all at output size."""
        d1, d2, d3, d4 = self.encoder(x)
        binary = self.unet(d1, d2, d3, d4)
        distance = self.lunet(F.softmax(binary, 1) if self.options["lu_input"] == "probabilities" else binary)
        view400 = x[:, :, 3:-3, 3:-3]
        view100 = view400[:, :, ::4, ::4]
        task1 = self.hrfe1(d2, d3, d4, *self.aux100(view100))
        task2 = self.hrfe2(d2, d3, d4, *self.aux400(view400))
        if self.options["fusion_input"] == "probabilities":
            joined = torch.cat([F.softmax(task1, 1), F.softmax(task2, 1)], 1)
        else:
            joined = torch.cat([task1, task2], 1)
        return binary, distance, task1, task2, self.fuse.out(joined)

    def maps(self, x):
        """[N, 7, H, W]: p(bg), p(G1), p(G2), p(G3), p(Endo), p(nucleus), distance."""
        binary, distance, _, _, final = self(x)
        return torch.cat([F.softmax(final, 1), F.softmax(binary, 1)[:, 1:], distance], 1)

    def loss(self, x, target):
        """Equation (1) with lambda_dist = 2; `target` holds classes [N,H,W] int64 and distance [N,1,H,W]."""
        binary, distance, task1, task2, final = self(x)
        classes = target["classes"]
        merge = lambda table: torch.tensor(table)[classes]
        return (
            F.cross_entropy(binary, (classes > 0).long())
            + 2 * F.l1_loss(distance, target["distance"])
            + F.cross_entropy(task1, merge([0, 1, 1, 2, 3]))
            + F.cross_entropy(task2, merge([0, 1, 2, 2, 3]))
            + F.cross_entropy(final, classes)
        )


if __name__ == "__main__":
    net = CHRNet()
    parameters = list(net.parameters())
    print(sum(p.numel() for p in parameters), "parameters in", len(parameters), "tensors")
    with torch.no_grad():
        print(tuple(net.eval().maps(torch.rand(1, 3, 70, 70)).shape))
