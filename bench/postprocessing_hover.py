"""HoVer-Net's post-processing with SciPy and scikit-image, and with OpenCV's filters as the published code.

Usage: postprocessing_hover.py FOLDER; answers the requests of bench/postprocessing-hover.ts. Each line of standard
input is {"side": N}: FOLDER/maps.f32 holds nucleus, horizontal and vertical map; label maps are written beside it.
"""

import json
import os
import platform
import sys
import time

import cv2
import numpy as np
import scipy
import skimage
from scipy import ndimage as ndi
from scipy.special import comb
from skimage.segmentation import watershed

AREA = 10
SMOOTH = comb(20, np.arange(21))
SLOPE = np.convolve(comb(19, np.arange(20)), [1, -1])[::-1]
ELLIPSE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
cv2.setNumThreads(1)


def drop_small(labels):
    keep = np.bincount(labels.ravel()) >= AREA
    keep[0] = False
    return np.where(keep[labels], labels, 0)


def stretch(values):
    low, high = values.min(), values.max()
    return np.zeros_like(values) if high == low else (values - low) / (high - low)


def edges_scipy(values, axis):
    along = ndi.correlate1d(stretch(values).astype(np.float64), SLOPE, axis=axis, mode="mirror")
    return 1 - stretch(ndi.correlate1d(along, SMOOTH, axis=1 - axis, mode="mirror"))


def edges_opencv(values, axis):
    scaled = cv2.normalize(values, None, 0, 1, cv2.NORM_MINMAX, cv2.CV_32F)
    slope = cv2.Sobel(scaled, cv2.CV_64F, axis, 1 - axis, ksize=21)
    return 1 - cv2.normalize(slope, None, 0, 1, cv2.NORM_MINMAX, cv2.CV_32F)


def blur_scipy(relief):
    for axis in (1, 0):
        relief = ndi.correlate1d(relief, [0.25, 0.5, 0.25], axis=axis, mode="mirror")
    return relief


def open_scipy(marker):
    return ndi.binary_dilation(ndi.binary_erosion(marker, ELLIPSE, border_value=1), ELLIPSE)


def segment(maps, edges, blur, opened):
    nucleus, horizontal, vertical = maps
    blob = drop_small(ndi.label(nucleus >= 0.5)[0]) > 0
    overall = np.maximum(edges(horizontal, 1), edges(vertical, 0))
    overall = np.maximum(overall - (1 - blob), 0)
    relief = -blur((1 - overall) * blob)
    marker = ndi.binary_fill_holes(blob & (overall < 0.4)).astype(np.uint8)
    marker = drop_small(ndi.label(opened(marker))[0])
    marker = np.unique(marker, return_inverse=True)[1].reshape(marker.shape)
    return watershed(relief, marker, mask=blob)


SIDES = {
    "scipy": (edges_scipy, blur_scipy, open_scipy),
    "opencv": (
        edges_opencv,
        lambda relief: cv2.GaussianBlur(relief, (3, 3), 0),
        lambda marker: cv2.morphologyEx(marker, cv2.MORPH_OPEN, ELLIPSE),
    ),
}


def main():
    folder = sys.argv[1]
    for line in sys.stdin:
        side = json.loads(line)["side"]
        maps = np.fromfile(os.path.join(folder, "maps.f32"), np.float32).reshape(3, side, side)
        answer = {}
        for name, steps in SIDES.items():
            start = time.process_time()
            labels = segment(maps, *steps)
            answer[name] = 1000 * (time.process_time() - start)
            labels.astype(np.int32).tofile(os.path.join(folder, f"{name}.i32"))
        answer["versions"] = (
            f"Python {platform.python_version()}, SciPy {scipy.__version__}, "
            f"scikit-image {skimage.__version__}, OpenCV {cv2.__version__}"
        )
        print(json.dumps(answer), flush=True)


main()
