import { isRenogradeError } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { outputSide } from "../networks/network.js";
import { createNetwork, networks } from "../networks/registry.js";
import { elements } from "./rules.js";
import { ShapeBackend } from "./shape-backend.js";
import { declareParameters, summarize } from "./summary.js";

/** GMAC with three decimals, as the specification prints them. */
const giga = (macs: number): string => (macs / 1e9).toFixed(3);

describe("spec/network.md §11, CHR-Net at H = 256", () => {
  const { parts, total } = summarize(createNetwork("chr-net"));

  it("has the parameters, tensors and GMAC of every part", () => {
    const rows = parts.map((p) => [p.name, p.parameters, p.tensors, giga(p.macs.none), giga(p.macs.reorder)]);
    expect(rows).toEqual([
      ["encoder", 21_603_760, 188, "74.763", "74.763"],
      ["unet", 3_098_498, 20, "28.999", "28.999"],
      ["lunet", 1_883_841, 32, "29.071", "29.071"],
      ["aux100", 672_672, 20, "2.733", "2.733"],
      ["aux400", 672_672, 20, "2.776", "2.776"],
      ["hrfe1", 18_916_324, 140, "61.825", "57.748"],
      ["hrfe2", 18_916_324, 140, "61.825", "57.748"],
      ["fuse", 45, 2, "0.003", "0.001"],
    ]);
  });

  it("has the totals", () => {
    expect(total).toMatchObject({ parameters: 65_764_136, tensors: 562 });
    expect([giga(total.macs.none), giga(total.macs.reorder), giga(total.macs.full)]).toEqual([
      "261.995",
      "253.839",
      "233.438",
    ]);
  });

  it("saves 14.764 GMAC by convolving before upsampling and 5.637 by splitting the head", () => {
    const saved = (names: string[]): number =>
      parts.filter((p) => names.includes(p.name)).reduce((s, p) => s + p.macs.reorder - p.macs.full, 0);
    expect(giga(saved(["unet", "lunet", "aux100", "aux400"]))).toBe("14.764");
    expect(giga(saved(["hrfe1", "hrfe2"]))).toBe("5.637");
  });

  it("has an encoder that without GC is torchvision's ResNet-34 without its classifier", () => {
    const specs = declareParameters(createNetwork("chr-net")).filter(
      (spec) => spec.name.startsWith("encoder.") && spec.role === "parameter",
    );
    const count = (some: typeof specs): number => some.reduce((sum, spec) => sum + elements(spec.shape), 0);
    const gc = specs.filter((spec) => spec.name.includes(".gc."));
    expect(count(gc)).toBe(319_088);
    expect(count(specs) - count(gc)).toBe(21_284_672);
  });

  it("has GC blocks of C + 2·C·C/8 + 2·C/8 parameters", () => {
    const specs = declareParameters(createNetwork("chr-net"));
    const sizes = ["group0", "group1", "group2", "group3"].map((group) =>
      specs
        .filter((spec) => spec.name.startsWith(`encoder.${group}.block0.gc.`))
        .reduce((sum, spec) => sum + elements(spec.shape), 0),
    );
    expect(sizes).toEqual([1_104, 4_256, 16_704, 66_176]);
  });
});

describe("spec/network.md §12, ablations", () => {
  it.each([
    ["shr", 40_002_453, 319, "135.397", "131.307"],
    ["mhr", 60_781_797, 510, "203.924", "195.769"],
    ["mhr-udist", 63_880_230, 530, "232.920", "224.764"],
  ])("%s has %i parameters in %i tensors, %s and %s GMAC", (name, parameters, tensors, none, reorder) => {
    const { total } = summarize(createNetwork(name));
    expect([total.parameters, total.tensors]).toEqual([parameters, tensors]);
    expect([giga(total.macs.none), giga(total.macs.reorder)]).toEqual([none, reorder]);
  });

  it("auxBlock res adds the shortcuts: 65,765,416 parameters in 568 tensors", () => {
    const { total } = summarize(createNetwork("chr-net", { auxBlock: "res" }));
    expect([total.parameters, total.tensors]).toEqual([65_765_416, 568]);
  });
});

describe("declareParameters", () => {
  it("gives the same arrays for every rewrite and every preset", () => {
    const names = (options: Parameters<typeof createNetwork>[1]): string[] =>
      declareParameters(createNetwork("chr-net", options)).map(
        (s) => `${s.name} ${s.shape.join("x")} ${s.role}`,
      );
    const expected = names({ rewrite: "none" });
    expect(names({ rewrite: "reorder" })).toEqual(expected);
    expect(new Set(names({ rewrite: "full" }))).toEqual(new Set(expected));
    expect(names({ preset: "reference", rewrite: "none" })).toEqual(expected);
  });

  it("declares running statistics as buffers, one pair per batch norm", () => {
    const specs = declareParameters(createNetwork("chr-net"));
    const buffers = specs.filter((spec) => spec.role === "buffer");
    expect(buffers.every((s) => /\.running_(mean|var)$/.test(s.name))).toBe(true);
    expect(buffers.length).toBe(2 * 134);
  });
});

describe("input sizes", () => {
  const network = createNetwork("chr-net", { width: 0.125 });

  it.each([1, 2, 5, 32, 40])("8·%i + 6 gives 8·n in every output", (n) => {
    expect(outputSide(network, 8 * n + 6)).toBe(8 * n);
    const F = new ShapeBackend({ training: false });
    const outputs = network.infer(F, F.input([3, 3, 8 * n + 6, 8 * n + 6]));
    expect(outputs.maps.dims).toEqual([3, 7, 8 * n, 8 * n]);
    expect(outputs.tasks?.dims).toEqual([3, 8, 4 * n, 4 * n]);
  });

  it.each([264, 6, 263, 262.5])("%d is refused with the rule", (side) => {
    expect(() => summarize(network, side)).toThrow(
      `chr-net: the input side must be 8·n + 6 pixels, such as 262; received ${side}`,
    );
  });

  it("takes rectangles", () => {
    const F = new ShapeBackend({ training: false });
    expect(network.infer(F, F.input([1, 3, 22, 38])).maps.dims).toEqual([1, 7, 16, 32]);
  });
});

describe("shape errors", () => {
  it("name the scope, what was expected and what was found", () => {
    const F = new ShapeBackend();
    const network = createNetwork("chr-net", { width: 0.125 });
    expect(() => network.train(F, F.input([2, 4, 262, 262]))).toThrow(
      "encoder.stem.conv: expected 3 input channels, received 4 from input [2, 4, 262, 262]",
    );
  });

  it("are ShapeErrors from every rule", () => {
    const F = new ShapeBackend().scope("here");
    const x = F.input([1, 4, 6, 6]);
    const cases: [() => unknown, RegExp][] = [
      [() => F.concat([x, F.input([1, 4, 5, 6])], 1), /here: cannot join \[1, 4, 6, 6\] and \[1, 4, 5, 6\]/],
      [() => F.add(x, F.input([1, 3, 6, 6])), /here: shapes .* do not broadcast/],
      [() => F.reshape(x, [0, 5, -1]), /here: cannot reshape \[1, 4, 6, 6\] to \[0, 5, -1\]/],
      [() => F.matmul(x, F.input([5, 6])), /cannot be multiplied/],
      [() => F.permute(x, [0, 1, 1, 2]), /not an order of the axes/],
      [() => F.softmax(x, 4), /axis 4 does not exist/],
      [() => F.slice(x, 2, 6), /leaves nothing/],
      [() => F.maxPool2d(x, 7, 1), /does not fit/],
      [() => F.depthToSpace(F.input([1, 6, 2, 2]), 2), /a multiple of 4 channels/],
      [() => F.crossEntropy(x, F.input([1, 6, 5])), /expected targets \[1, 6, 6\]/],
      [() => F.conv2d(x, F.input([2, 4, 3, 3]), F.input([3])), /a bias of shape \[2\]/],
      [() => F.layerNorm(x, F.input([3]), F.input([4])), /weight of shape \[4\]/],
    ];
    for (const [run, message] of cases) {
      expect(run).toThrow(message);
      try {
        run();
      } catch (error) {
        expect(isRenogradeError(error, "ShapeError")).toBe(true);
      }
    }
  });

  it("refuse one name with two shapes", () => {
    const F = new ShapeBackend().scope("a");
    F.param("weight", [2], { kind: "xavier" });
    expect(() => F.param("weight", [3], { kind: "xavier" })).toThrow(
      "a.weight: declared as [2] and again as [3]",
    );
  });
});

describe("registry", () => {
  it("lists CHR-Net and its ablations first, then the other networks", () => {
    const names = [...networks.keys()];
    expect(names.slice(0, 4)).toEqual(["chr-net", "mhr-udist", "mhr", "shr"]);
    expect(names).toContain("hover-net");
  });
  it("names the known ones for an unknown name", () => {
    expect(() => createNetwork("chrnet")).toThrow(/unknown network "chrnet"; known are chr-net, /);
  });
});
