"""The Python side of bench/operators.ts: argument 1 is the number of threads; prints JSON."""
import json
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))


def best(run, repeats):
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def per_call(run, count=2000):
    def loop():
        for _ in range(count):
            run()

    return best(loop, 10) / count * 1e6


one = torch.ones(1)
leaf = torch.ones(1, requires_grad=True)
image = torch.ones(1, 1, 1, 1)
calls = {
    "add": per_call(lambda: torch.add(one, one)),
    "add, recorded": per_call(lambda: torch.add(leaf, leaf)),
    "conv2d of one pixel": per_call(lambda: F.conv2d(image, image)),
}
convs = {}
for channels, side in [(64, 256), (128, 128), (256, 64), (512, 32)]:
    x, w = torch.randn(1, channels, side, side), torch.randn(channels, channels, 3, 3)
    convs[f"{channels}->{channels} at {side}"] = best(lambda: F.conv2d(x, w, padding=1), 10) * 1e3
print(json.dumps({"version": torch.__version__, "calls": calls, "convs": convs}))
