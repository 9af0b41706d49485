"""The reference augmentation with OpenCV, NumPy and scikit-image; answers the requests of bench/augmentation.ts.

Usage: augmentation.py FOLDER SIDE; each line of standard input is {"plans": [...], "keep": whether to write results}.
"""

import json
import os
import platform
import sys
import time

import cv2
import numpy as np
import skimage
from skimage.measure import label

WINDOW, CROP, OUTPUT = 512, 262, 256
TASK1, TASK2 = np.array([0, 1, 1, 2, 3], np.uint8), np.array([0, 1, 2, 2, 3], np.uint8)
cv2.setNumThreads(1)
rng = np.random.default_rng(1)


def clip(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def matrix_of(p):
    theta, phi = np.deg2rad(p["rotation"]), np.deg2rad(p["shear"])
    alpha, beta = p["scale"] * np.cos(theta), p["scale"] * np.sin(theta)
    a = np.array([[alpha, beta], [-beta, alpha]])
    a[0, 1] = a[0, 1] * np.cos(phi) + a[0, 0] * np.sin(phi)
    a[1, 1] = a[1, 1] * np.cos(phi) + a[1, 0] * np.sin(phi)
    centre = np.full(2, WINDOW / 2 - 0.5)
    t = centre - a @ centre + [p["shiftX"], p["shiftY"]]
    return np.hstack([a, (t - (WINDOW - CROP) / 2)[:, None]])


def warp(window, plan):
    out = cv2.warpAffine(window, matrix_of(plan["parameters"]), (CROP, CROP), flags=cv2.INTER_NEAREST)
    if plan["mirrorY"] or plan["mirrorX"]:
        out = cv2.flip(out, -1 if plan["mirrorY"] and plan["mirrorX"] else 0 if plan["mirrorY"] else 1)
    return out


def colour(image, step):
    kind = step["kind"]
    if kind == "gaussian-blur":
        return cv2.GaussianBlur(image, (step["width"], step["height"]), 0, borderType=cv2.BORDER_REPLICATE)
    if kind == "median-blur":
        return cv2.medianBlur(image, step["window"])
    if kind == "noise":
        return clip(image + rng.standard_normal(image.shape, np.float32))
    if kind == "hue":
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + step["shift"]) % 180
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if kind == "saturation":
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return clip(image * step["factor"] + (grey * (1 - step["factor"]))[:, :, np.newaxis])
    if kind == "brightness":
        return clip(image.astype(np.float32) + np.float32(step["shift"]))
    mean = image.mean(axis=(0, 1), keepdims=True)
    return clip((image - mean) * step["factor"] + mean)


def prepare(instances, classes, distance):
    """Parts on their own, eroded by the 3 x 3 cross; the centre of classes and distance."""
    parts = label(instances, connectivity=1, background=0)
    padded = np.pad(parts, 1, mode="edge")
    kept = parts > 0
    for view in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        kept &= view == parts
    inset = (CROP - OUTPUT) // 2
    centre = (slice(inset, -inset), slice(inset, -inset))
    return parts[centre] * kept[centre], classes[centre] * kept[centre], distance[centre] * kept[centre]


def main():
    folder, side = sys.argv[1], int(sys.argv[2])
    state = {}

    def load():
        pad = (WINDOW - 256) // 2
        read = lambda name, kind: np.fromfile(os.path.join(folder, name), kind)  # noqa: E731
        state["rgb"] = np.pad(read("rgb.u8", np.uint8).reshape(side, side, 3), ((pad, pad), (pad, pad), (0, 0)), "reflect")
        maps = read("maps.u8", np.uint8).reshape(2, side, side)
        instances = read("instances.i32", np.int32).reshape(side, side).astype(np.int16)
        state["maps"] = np.pad(np.dstack([instances, maps[0], maps[1]]), ((pad, pad), (pad, pad), (0, 0)), "reflect")

    for line in sys.stdin:
        request = json.loads(line)
        if not state:
            load()
        n = len(request["plans"])
        images = np.empty((n, 3, CROP, CROP), np.uint8)
        classes, binary, task1, task2 = (np.empty((n, OUTPUT, OUTPUT), np.uint8) for _ in range(4))
        distance = np.empty((n, 1, OUTPUT, OUTPUT), np.float32)
        instances = np.empty((n, OUTPUT, OUTPUT), np.int32)
        start = time.process_time()
        for i, plan in enumerate(request["plans"]):
            y, x = plan["top"] + 128, plan["left"] + 128
            cut = (slice(y, y + WINDOW), slice(x, x + WINDOW))
            image = warp(state["rgb"][cut], plan["geometry"])
            ids, kinds, depths = cv2.split(warp(state["maps"][cut], plan["geometry"]))
            for step in plan["colours"]:
                image = colour(image, step)
            images[i] = image.transpose(2, 0, 1)
            instances[i], classes[i], bytes_ = prepare(ids, kinds, depths)
            distance[i, 0] = bytes_ / np.float32(255)
            binary[i] = classes[i] > 0
            task1[i] = TASK1[classes[i]]
            task2[i] = TASK2[classes[i]]
        seconds = time.process_time() - start
        if request["keep"]:
            images.tofile(os.path.join(folder, "images.u8"))
            classes.tofile(os.path.join(folder, "classes.u8"))
        versions = f"Python {platform.python_version()}, OpenCV {cv2.__version__}, NumPy {np.__version__}"
        versions += f", scikit-image {skimage.__version__}"
        print(json.dumps({"seconds": seconds, "versions": versions}), flush=True)


main()
