import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../../reference/reference-backend.js";
import { ShapeBackend } from "../../shape/shape-backend.js";
import { declareParameters, summarize } from "../../shape/summary.js";
import { createNetwork } from "../registry.js";

const fixture = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/detection/mask-rcnn.json", import.meta.url), "utf8"),
) as { parameters: number; gradients: Record<string, number> };

describe("mask-rcnn", () => {
  it("has the 43,938,541 parameters of torchvision's, batch norms not among them", () => {
    const { total, parts } = summarize(createNetwork("mask-rcnn"));
    expect(total.parameters).toBe(43_938_541);
    expect(parts.map((part) => part.name)).toEqual(["encoder", "fpn", "rpn", "boxHead", "maskHead"]);
  });

  it("has torchvision's arrays at an eighth of the width", () => {
    const specs = declareParameters(createNetwork("mask-rcnn", { width: 0.125 }));
    const trained = specs.filter((spec) => spec.role === "parameter");
    expect(trained.map((spec) => spec.name).sort()).toEqual(Object.keys(fixture.gradients).sort());
    const count = trained.reduce((sum, spec) => sum + spec.shape.reduce((p, n) => p * n, 1), 0);
    expect(count).toBe(fixture.parameters);
  });

  it("freezes the whole encoder in phase 1, and nothing in phase 2", () => {
    const network = createNetwork("mask-rcnn");
    const frozen = (scope: "none" | "encoder" | "reference") =>
      ["encoder.stem.conv.weight", "encoder.group3.block0.conv1.weight", "fpn.inner0.weight"].map((name) =>
        network.isFrozen(name, scope),
      );
    expect(frozen("none")).toEqual([false, false, false]);
    expect(frozen("encoder")).toEqual([true, true, false]);
    expect(frozen("reference")).toEqual([true, true, false]);
  });

  it("takes sides that are multiples of 32", () => {
    const network = createNetwork("mask-rcnn", { width: 0.125 });
    const F = new ShapeBackend();
    expect(network.detect!(F, F.input([1, 3, 64, 96])).dims[1]).toBe(6 + 5 + 28 * 28);
    expect(() => network.infer(F, F.input([1, 3, 64, 96]))).toThrow("mask-rcnn finds objects");
    expect(() => summarize(network, 500)).toThrow("the input side must be 32·n pixels");
  });

  it("cannot decide on regions without values", () => {
    const network = createNetwork("mask-rcnn", { width: 0.125 });
    const F = new ShapeBackend();
    const map = F.input([1, 64, 64]);
    const targets = { instances: map, classes: map };
    expect(() => network.loss(F, F.input([1, 3, 64, 64]), targets)).toThrow("shapes have no values to read");
    const R = new ReferenceBackend(new Map());
    expect(() => network.loss(R, R.tensor([1, 3, 32, 32], new Float64Array(3072)), {})).toThrow(
      "targets.instances: needed by this network's loss",
    );
  });
});
