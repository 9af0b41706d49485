"""The PyTorch side of bench/training-gpu.ts: eager, autocast for bf16, channels last on a GPU; one JSON line per request.

    python3 training_peer.py WEIGHTS.safetensors PRECISION BATCH DEVICE WIDTH STEPS
"""
import json
import sys
import time

import torch

from chr_net import CHRNet
from network_peer import read_safetensors


def main():
    path, precision, batch, device, width, steps = sys.argv[1:7]
    batch, steps = int(batch), int(steps)
    on_gpu = device != "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"
    torch.backends.cudnn.benchmark = True
    net = CHRNet(width=float(width))
    state = net.state_dict()
    state.update(read_safetensors(path))
    net.load_state_dict(state)
    layout = torch.channels_last if on_gpu else torch.contiguous_format
    net = net.to(device, memory_format=layout).train()
    pixels = ((torch.arange(batch * 3 * 262 * 262) * 40503) % 251).reshape(batch, 3, 262, 262).to(torch.uint8)
    classes = (torch.arange(batch * 256 * 256) // 32 % 5).reshape(batch, 256, 256)
    distance = torch.full((batch, 1, 256, 256), 0.3)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4, **({"fused": True} if on_gpu else {}))
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(steps):
            image = pixels.to(device, non_blocking=True).float().contiguous(memory_format=layout) / 255
            target = {"classes": classes.to(device), "distance": distance.to(device)}
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=precision == "bf16"):
                loss = net.loss(image, target)
            loss.backward()
            optimiser.step()
            value = loss.item()
        seconds = (time.perf_counter() - start) / steps
        print(json.dumps({"version": torch.__version__, "seconds": seconds, "loss": value}), flush=True)


if __name__ == "__main__":
    main()
