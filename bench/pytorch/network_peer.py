"""The PyTorch side of bench/inference.ts and bench/training.ts: answers one JSON line per request.

    python3 network_peer.py WEIGHTS.safetensors THREADS
"""
import json
import resource
import sys
import time

import numpy as np
import torch

from chr_net import CHRNet


def read_safetensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            a, b = entry["data_offsets"]
            array = np.frombuffer(data[a:b], dtype=np.float32).reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


def main():
    torch.set_num_threads(int(sys.argv[2]))
    net = CHRNet()
    state = net.state_dict()
    state.update(read_safetensors(sys.argv[1]))
    net.load_state_dict(state)
    image = (torch.arange(3 * 262 * 262, dtype=torch.float32) * 0.6180339887498949 % 1).reshape(1, 3, 262, 262)
    classes = (torch.arange(256 * 256) // 32 % 5).reshape(1, 256, 256)
    target = {"classes": classes, "distance": torch.full((1, 1, 256, 256), 0.3)}
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"version": torch.__version__, "threads": torch.get_num_threads()}
        start = time.perf_counter()
        if request["do"] == "infer":
            net.eval()
            with torch.no_grad():
                maps = net.maps(image)
            answer["seconds"] = time.perf_counter() - start
            if request.get("maps"):
                answer["maps"] = maps.reshape(-1)[:: request["maps"]].tolist()
        elif request["do"] == "train":
            net.train()
            optimiser.zero_grad(set_to_none=True)
            loss = net.loss(image, target)
            loss.backward()
            optimiser.step()
            answer["loss"] = loss.item()
            answer["seconds"] = time.perf_counter() - start
        answer["peakGiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
