"""Times CHR-Net's post-processing written with SciPy and scikit-image on the maps bench/postprocessing.ts wrote.

Usage: postprocessing.py maps.f32 labels.i32 SIDE REPEATS; writes the label map, prints one JSON object.
"""

import json
import platform
import sys
import time

import numpy as np
import scipy
import skimage
from scipy import ndimage as ndi
from skimage.measure import find_contours, label, regionprops
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

H, T, AREA = 150, 40, 10


def segment(maps):
    nucleus = (np.clip(maps[5], 0, 1) * np.float32(255)).astype(np.uint8)
    distance = (np.clip(maps[6], 0, 1) * np.float32(255)).astype(np.uint8)
    mask = nucleus > T
    relief = 255 - distance
    filled = reconstruction(np.minimum(255, relief.astype(np.int16) + H).astype(np.uint8), relief, method="erosion")
    filled = filled.astype(np.uint8)
    raised = np.minimum(255, filled.astype(np.int16) + 1).astype(np.uint8)
    minima = (reconstruction(raised, filled, method="erosion") - filled) * mask
    markers = label(minima > 0, connectivity=2)
    labels = label(watershed(relief, markers, mask=mask), background=0, connectivity=2)
    # A different label other than 0 in the 3 x 3 neighbourhood.
    greatest = ndi.maximum_filter(labels, 3, mode="nearest")
    least = ndi.minimum_filter(np.where(labels > 0, labels, labels.max() + 1), 3, mode="nearest")
    labels[(greatest != labels) | (least != labels)] = 0
    areas = np.bincount(labels.ravel())
    keep = areas > AREA
    keep[0] = False
    numbers = np.zeros(len(areas), np.int32)
    numbers[keep] = np.arange(1, keep.sum() + 1)
    return numbers[labels]


def vote(maps, labels):
    inside = labels > 0
    ids = labels[inside]
    n = int(labels.max()) + 1
    classes = np.argmax(maps[1:5, inside], axis=0)
    votes = np.bincount(ids * 4 + classes, minlength=4 * n).reshape(n, 4)
    means = [np.bincount(ids, maps[c][inside], n) / np.maximum(1, votes.sum(1)) for c in range(5)]
    return np.argmax(votes, axis=1) + 1, votes.max(1) / np.maximum(1, votes.sum(1)), means


def properties(labels):
    return [
        (r.area, r.bbox, r.centroid, r.axis_major_length, r.axis_minor_length, r.eccentricity, r.perimeter, r.solidity)
        for r in regionprops(labels)
    ]


def outlines(labels):
    contours = []
    for value, box in enumerate(ndi.find_objects(labels), 1):
        if box is not None:
            contours.append(find_contours(np.pad(labels[box] == value, 1).astype(np.uint8), 0.5))
    return contours


def main():
    maps_file, labels_file, side, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    maps = np.fromfile(maps_file, np.float32).reshape(7, side, side)
    times = {"segment": [], "vote": [], "properties": [], "outlines": [], "all": []}
    for run in range(repeats + 1):
        marks = [time.process_time()]
        labels = segment(maps)
        marks.append(time.process_time())
        vote(maps, labels)
        marks.append(time.process_time())
        properties(labels)
        marks.append(time.process_time())
        outlines(labels)
        marks.append(time.process_time())
        if run == 0:
            continue  # warm-up
        for stage, start, end in zip(times, marks, marks[1:]):
            times[stage].append(1000 * (end - start))
        times["all"].append(1000 * (marks[-1] - marks[0]))
    labels.astype(np.int32).tofile(labels_file)
    versions = f"Python {platform.python_version()}, SciPy {scipy.__version__}, scikit-image {skimage.__version__}"
    print(json.dumps({"times": times, "versions": versions}))


if __name__ == "__main__":
    main()
