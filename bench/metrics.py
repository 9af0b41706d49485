"""Times the metrics of docs/spec/metrics.md in NumPy and SciPy on the label maps that bench/metrics.ts wrote.

Two ways: `masks`, one boolean mask per instance and full matrices, as evaluation scripts usually do it; `table`, one
table of overlapping pairs (np.unique) and scipy.sparse, the best we could write. Usage:
metrics.py WIDTH HEIGHT truth.i32 prediction.i32 types.u8 WAY GATED REPEATS; prints one JSON object.
"""

import json
import resource
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

EPS = 1e-6
REACH = 12.0


def mask_pairs(truth, prediction):
    tids, pids = np.unique(truth)[1:], np.unique(prediction)[1:]
    tm = [truth == i for i in tids]
    pm = [prediction == j for j in pids]
    rows, cols, inter = [], [], []
    for i, mask in enumerate(tm):
        for j in np.unique(prediction[mask]):
            if j:
                k = int(np.searchsorted(pids, j))
                rows.append(i)
                cols.append(k)
                inter.append((mask & pm[k]).sum())
    areas = [np.array([m.sum() for m in masks]) for masks in (tm, pm)]
    points = [np.array([[c.mean() for c in np.nonzero(m)[::-1]] for m in masks]) for masks in (tm, pm)]
    return tids, pids, np.array(rows), np.array(cols), np.array(inter), areas, points


def table_pairs(truth, prediction):
    width = truth.shape[1]
    sides = []
    for image in (truth, prediction):
        flat = image.ravel()
        at = np.flatnonzero(flat)
        ids = flat[at]
        n = int(ids.max()) + 1
        area = np.bincount(ids, minlength=n)
        x = np.bincount(ids, at % width, n)
        y = np.bincount(ids, at // width, n)
        present = np.flatnonzero(area)
        row = np.zeros(n, np.int64)
        row[present] = np.arange(len(present))
        sides.append((present, area[present], np.stack([x[present], y[present]], 1) / area[present][:, None], row))
    t, p = truth.ravel(), prediction.ravel()
    both = np.flatnonzero((t != 0) & (p != 0))
    m = len(sides[1][0])
    key, inter = np.unique(sides[0][3][t[both]] * m + sides[1][3][p[both]], return_counts=True)
    return (
        sides[0][0],
        sides[1][0],
        key // m,
        key % m,
        inter,
        [sides[0][1], sides[1][1]],
        [sides[0][2], sides[1][2]],
    )


def assign(n, m, rows, cols, gain, way):
    """Pairs (index into rows) of largest total gain; on the full matrix, or per connected group."""
    if way == "masks":
        full = np.zeros((n, m))
        full[rows, cols] = gain
        r, c = linear_sum_assignment(-full)
        chosen = np.zeros((n, m), bool)
        chosen[r, c] = True
        return np.flatnonzero(chosen[rows, cols])
    graph = coo_matrix((np.ones(len(rows)), (rows, cols + n)), shape=(n + m, n + m))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    picked = []
    for part in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(part) == 1:
            picked.append(part[0])
            continue
        r, ri = np.unique(rows[part], return_inverse=True)
        c, ci = np.unique(cols[part], return_inverse=True)
        full, index = np.zeros((len(r), len(c))), np.full((len(r), len(c)), -1)
        full[ri, ci] = gain[part]
        index[ri, ci] = part
        picked.extend(k for k in index[linear_sum_assignment(-full)] if k >= 0)
    return np.array(picked)


def evaluate(truth, prediction, types, way, gated):
    tids, pids, rows, cols, inter, areas, points = (mask_pairs if way == "masks" else table_pairs)(truth, prediction)
    n, m = len(tids), len(pids)
    union = areas[0][rows] + areas[1][cols] - inter
    out = {"dice": 2 * inter.sum() / (areas[0].sum() + areas[1].sum())}

    def aggregate(chosen):
        outer = union[chosen].sum()
        outer += np.delete(areas[0], rows[chosen]).sum() + np.delete(areas[1], np.unique(cols[chosen])).sum()
        return inter[chosen].sum() / outer

    ranked = inter / (union + EPS)
    order = np.lexsort((-ranked, rows))
    out["aji"] = aggregate(order[np.unique(rows[order], return_index=True)[1]])
    out["ajiPlus"] = aggregate(assign(n, m, rows, cols, ranked, way))

    iou = inter / union
    tt, pt = types[tids], types[pids]

    def quality(t_keep, p_keep):
        match = (iou > 0.5) & t_keep[rows] & p_keep[cols]
        tp = match.sum()
        size = t_keep.sum() + p_keep.sum()
        return 2 * tp / size * iou[match].sum() / (tp + EPS) if size else np.nan

    out["pq"] = quality(np.ones(n, bool), np.ones(m, bool))
    out["classPq"] = [quality(tt == c, pt == c) if (tt == c).any() else np.nan for c in range(1, 5)]

    if gated:
        near = cKDTree(points[0]).sparse_distance_matrix(cKDTree(points[1]), REACH, output_type="coo_matrix")
        pairs = len(assign(n, m, near.row, near.col, 1e7 - near.data, "table"))
    else:
        d = cdist(points[0], points[1])
        pairs = int((d[linear_sum_assignment(d)] <= REACH).sum())
    out["f1"] = 2 * pairs / (n + m)
    return out


def main():
    width, height = int(sys.argv[1]), int(sys.argv[2])
    truth, prediction = (np.fromfile(f, np.int32).reshape(height, width) for f in sys.argv[3:5])
    types = np.fromfile(sys.argv[5], np.uint8)
    way, gated, repeats = sys.argv[6], sys.argv[7] == "gated", int(sys.argv[8])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(repeats + (repeats > 1)):
        start = time.perf_counter()
        result = evaluate(truth, prediction, types, way, gated)
        times.append(1e3 * (time.perf_counter() - start))
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    result["classPq"] = [None if np.isnan(v) else float(v) for v in result["classPq"]]
    result = {k: v if k == "classPq" else float(v) for k, v in result.items()}
    print(json.dumps({"timesMs": times[-repeats:], "extraMiB": extra / 1024, "metrics": result}))


if __name__ == "__main__":
    main()
