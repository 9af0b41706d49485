import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { encodeNpz, encodeSafetensors } from "@renograde/formats";
import {
  createNetwork,
  declareParameters,
  elements,
  type ParameterSpec,
  ReferenceBackend,
  type StateDict,
  tensor,
} from "@renograde/nn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maxDifference, randomImage, randomState } from "../../../nn/src/testing/random-state.js";
import { foldNormalisation, IMAGENET_MEAN, IMAGENET_STD } from "./fold-normalisation.js";
import { type ForeignTensor, type ForeignWeights, readWeights } from "./read-weights.js";
import { familyOf, translate } from "./translate.js";
import { authorsFamily, TENSORPACK_RESNET34, TORCHVISION_RESNET34 } from "./weight-families.js";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../../fixtures/weights/${name}`, import.meta.url));

/** Lines of ours, theirs and shape in the authors' graph, by network. */
const authorsNames = new Map(
  gunzipSync(fixture("authors-names.txt.gz"))
    .toString()
    .split("# ")
    .slice(1)
    .map((part) => {
      const [name, ...lines] = part.trim().split("\n");
      const rows = lines.map((line) => {
        const [ours, theirs, shape] = line.split(" ");
        return { ours: ours!, theirs: theirs!, shape: shape!.split(",").map(Number) };
      });
      return [name!, rows];
    }),
);
/** Tensors of torchvision's ResNet-34 as torchvision lists them. */
const torchvision = fixture("torchvision-resnet34.txt")
  .toString()
  .trim()
  .split("\n")
  .map((line) => {
    const [name, shape] = line.split(" ");
    return { name: name!, shape: shape === "" || shape === undefined ? [] : shape.split(",").map(Number) };
  });

/** 0, 1, 2, … in the stem and the vectors; zeros in the large kernels. */
function counted(length: number): Float32Array {
  const data = new Float32Array(length);
  if (length < 10_000) for (let i = 0; i < length; i++) data[i] = i;
  return data;
}

/** Weights whose tensors are made when asked for. */
function weightsOf(list: readonly { name: string; shape: readonly number[] }[]): ForeignWeights {
  const tensors = new Map<string, ForeignTensor>(
    list.map(({ name, shape }) => [name, { shape, read: async () => counted(elements(shape)) }]),
  );
  return { path: "weights", format: "PyTorch", sha256: "", tensors };
}

const specsOf = (network: string, width = 1): ParameterSpec[] =>
  declareParameters(createNetwork(network, { preset: "reference", width }));
const encoderSpecs = specsOf("shr").filter((spec) => spec.name.startsWith("encoder."));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-init-"));
  await mkdir(folder, { recursive: true });
  for (const end of ["index", "data-00000-of-00001"]) {
    await writeFile(join(folder, `model-40800.${end}`), gunzipSync(fixture(`model-40800.${end}.gz`)));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("ResNet-34", () => {
  it("fills 36 convolutions and 36 batch norms from torchvision's names", async () => {
    const weights = weightsOf(torchvision);
    expect(familyOf(weights, [TENSORPACK_RESNET34, TORCHVISION_RESNET34])).toBe(TORCHVISION_RESNET34);
    const { state, unused } = await translate(weights, TORCHVISION_RESNET34, encoderSpecs);
    const names = [...state.keys()];
    expect(names.filter((name) => state.get(name)!.shape.length === 4)).toHaveLength(36);
    expect(names.filter((name) => name.endsWith("running_var"))).toHaveLength(36);
    const trained = names.filter((name) => !name.includes("running_"));
    expect(trained.reduce((sum, name) => sum + elements(state.get(name)!.shape), 0)).toBe(21_284_672);
    expect(names).toEqual(encoderSpecs.map((spec) => spec.name).filter((name) => !name.includes(".gc.")));
    expect(unused.filter((name) => !name.endsWith("num_batches_tracked"))).toEqual(["fc.weight", "fc.bias"]);
  });

  it("fills the same from tensorpack's names, turning kernels round", async () => {
    const rows = authorsNames
      .get("shr")!
      .filter((row) => row.ours.startsWith("encoder.") && !row.ours.includes(".gc."));
    const list = rows.map(({ theirs, shape }) => ({ name: theirs, shape }));
    const weights = weightsOf([
      ...list,
      { name: "linear/W", shape: [512, 1000] },
      { name: "linear/b", shape: [1000] },
      { name: "learning_rate", shape: [] },
    ]);
    expect(familyOf(weights, [TORCHVISION_RESNET34, TENSORPACK_RESNET34])).toBe(TENSORPACK_RESNET34);
    const { state } = await translate(weights, TENSORPACK_RESNET34, encoderSpecs);
    expect(state.size).toBe(180);
    const { shape, data } = state.get("encoder.stem.conv.weight")!;
    expect(shape).toEqual([64, 3, 7, 7]);
    // [o, i, h, w] = [5, 2, 6, 1] stands at [h, w, i, o] in the file.
    expect(data[((5 * 3 + 2) * 7 + 6) * 7 + 1]).toBe(((6 * 7 + 1) * 3 + 2) * 64 + 5);
  });

  it("names tensors that are missing, of another shape, or unknown", async () => {
    const list = torchvision
      .filter(({ name }) => name !== "layer2.0.downsample.0.weight")
      .map((entry) => (entry.name === "conv1.weight" ? { ...entry, shape: [64, 1, 7, 7] } : entry))
      .concat({ name: "layer5.0.conv1.weight", shape: [1] });
    await expect(translate(weightsOf(list), TORCHVISION_RESNET34, encoderSpecs)).rejects.toThrow(
      "weights: does not fit as torchvision ResNet-34: 'conv1.weight' (our encoder.stem.conv.weight) should be [64, 3, 7, 7] but is [64, 1, 7, 7]; 'layer2.0.downsample.0.weight' (our encoder.group1.block0.short.weight) is missing; 'layer5.0.conv1.weight' has no place in the network",
    );
  });
});

describe("weights in the authors' naming", () => {
  it.each(["chr-net", "mhr-udist", "mhr", "shr"])(
    "maps every tensor of %s once, with its shape",
    async (network) => {
      const rows = authorsNames.get(network)!;
      const specs = specsOf(network);
      expect(rows.map((row) => row.ours).sort()).toEqual(specs.map((spec) => spec.name).sort());
      const family = authorsFamily(network);
      for (const { ours, theirs } of rows) expect(family.theirs(ours), ours).toBe(theirs);
      const byName = new Map(rows.map((row) => [row.ours, row.shape]));
      for (const { name, shape } of specs) {
        const expected = byName.get(name)!;
        const inFile = shape.length === 4 ? [shape[2], shape[3], shape[1], shape[0]] : shape;
        expect(inFile, name).toEqual(expected);
      }
    },
  );

  it("loads a checkpoint of TensorFlow and a dump of it to the same state", async () => {
    const specs = specsOf("chr-net", 0.03);
    const family = authorsFamily("chr-net");
    const checkpoint = await readWeights(join(folder, "model-40800"));
    expect(checkpoint.format).toBe("TensorFlow checkpoint");
    const { state, unused } = await translate(checkpoint, family, specs);
    expect([...state.keys()]).toEqual(specs.map((spec) => spec.name));
    expect(unused).toContain("conv0/W/Adam_1");
    expect(unused).toContain("global_step");
    for (const { ours, theirs } of authorsNames.get("chr-net")!) {
      const source = checkpoint.tensors.get(theirs)!;
      const values = await source.read();
      const { shape, data } = state.get(ours)!;
      if (shape.length !== 4) {
        expect(data, ours).toEqual(values);
        continue;
      }
      const [out, cin, height, width] = shape as [number, number, number, number];
      let at = 0;
      for (let h = 0; h < height; h++) {
        for (let w = 0; w < width; w++) {
          for (let i = 0; i < cin; i++) {
            for (let o = 0; o < out; o++) {
              const ourAt = ((o * cin + i) * height + h) * width + w;
              if (data[ourAt] !== values[at]) throw new Error(`${ours} differs at ${ourAt}`);
              at++;
            }
          }
        }
      }
    }
    const arrays: [string, { dtype: "f4"; shape: readonly number[]; data: Float32Array }][] = [];
    for (const { theirs } of authorsNames.get("chr-net")!) {
      const source = checkpoint.tensors.get(theirs)!;
      arrays.push([
        `${theirs}:0`,
        { dtype: "f4", shape: source.shape, data: Float32Array.from(await source.read()) },
      ]);
    }
    const path = join(folder, "dump.npz");
    await writeFile(path, encodeNpz(arrays, { compress: true }));
    const dump = await readWeights(path);
    expect(dump.format).toBe("npz");
    expect((await translate(dump, family, specs)).state).toEqual(state);
  });

  it("makes of an image what the authors' graph makes of it", async () => {
    const network = createNetwork("chr-net", { preset: "reference", width: 0.03 });
    const { state } = await translate(
      await readWeights(join(folder, "model-40800.index")),
      authorsFamily("chr-net"),
      declareParameters(network),
    );
    const { image, output } = JSON.parse(fixture("authors-output.json").toString());
    const input = tensor([1, 3, 22, 22], Float64Array.from(image));
    const { maps } = network.infer(new ReferenceBackend(state), input);
    // TensorFlow computed in float32; the paper's structure differs by more than 1e-3.
    expect(maxDifference(maps.data, output)).toBeLessThan(1e-6);
    const paper = createNetwork("chr-net", { width: 0.03 });
    const other = paper.infer(new ReferenceBackend(state), input);
    expect(maxDifference(other.maps.data, output)).toBeGreaterThan(1e-3);
  });

  it("says which data file of a checkpoint is missing", async () => {
    const path = join(folder, "alone.index");
    await writeFile(path, gunzipSync(fixture("model-40800.index.gz")));
    const weights = await readWeights(path);
    await expect(weights.tensors.get("conv0/W")!.read()).rejects.toThrow(
      /alone\.data-00000-of-00001: no such file or folder/,
    );
  });
});

describe("readWeights", () => {
  const read = async (name: string): Promise<string[]> => [
    ...(
      await readWeights(new URL(`../../../../fixtures/weights/${name}`, import.meta.url).pathname)
    ).tensors.keys(),
  ];

  it.each(["zip.pth", "legacy.pth", "modern.pth"])("takes the network's dictionary of %s", async (name) => {
    expect(await read(name)).toEqual([
      "0.weight",
      "1.weight",
      "1.bias",
      "1.running_mean",
      "1.running_var",
      "1.num_batches_tracked",
    ]);
  });

  it("tells safetensors by its content", async () => {
    const path = join(folder, "a.bin");
    const data = Uint16Array.of(0x3c00, 0xc000);
    await writeFile(path, encodeSafetensors([["w", { dtype: "F16", shape: [2], data }]]));
    const weights = await readWeights(path);
    expect(weights.format).toBe("safetensors");
    expect(await weights.tensors.get("w")!.read()).toEqual(Float32Array.of(1, -2));
    expect(weights.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it("tells safetensors whatever the length of the header, whose first byte may be a zip archive's", async () => {
    const path = join(folder, "lengths.safetensors");
    const first = new Set<number>();
    for (let length = 0; length < 256; length += 8) {
      const bytes = encodeSafetensors([], [["note", "x".repeat(length)]]);
      first.add(bytes[0]!);
      await writeFile(path, bytes);
      expect((await readWeights(path)).format).toBe("safetensors");
    }
    expect(first.has(0x50) && first.has(0x80)).toBe(true);
  });
  it("says which files it knows", async () => {
    const path = join(folder, "notes.txt");
    await writeFile(path, "no weights at all");
    await expect(readWeights(path)).rejects.toThrow(
      /notes\.txt: is no file of weights that is known; give PyTorch's/,
    );
  });

  it("names a file that does not exist", async () => {
    await expect(readWeights(join(folder, "none.pth"))).rejects.toThrow(/none\.pth: no such file or folder/);
  });
});

describe("foldNormalisation", () => {
  const network = createNetwork("shr", { width: 0.125 });
  const unfolded = randomState(declareParameters(network), 3);
  const shape = [1, 3, 14, 14] as const;
  const image = randomImage(shape, 4);
  const run = (state: StateDict, values: Float64Array): ArrayLike<number> => {
    const F = new ReferenceBackend(state);
    return network.infer(F, tensor(shape, values)).maps.data;
  };
  /** (x - mean)/std, channel c of the result from channel `order[c]`. */
  const normalised = (order: readonly number[]): Float64Array =>
    Float64Array.from(image, (_, i) => {
      const c = order[Math.floor(i / 196)]!;
      return (image[c * 196 + (i % 196)]! - IMAGENET_MEAN[c]!) / IMAGENET_STD[c]!;
    });

  it("gives on x/255 what the weights give on the normalised image", () => {
    const expected = run(unfolded, normalised([0, 1, 2]));
    const folded = foldNormalisation(unfolded, "RGB");
    expect(maxDifference(run(folded, image), expected)).toBeLessThan(1e-12);
    expect(maxDifference(run(unfolded, image), expected)).toBeGreaterThan(1e-3);
  });

  it("turns kernels of BGR round", () => {
    const expected = run(unfolded, normalised([2, 1, 0]));
    expect(maxDifference(run(foldNormalisation(unfolded, "BGR"), image), expected)).toBeLessThan(1e-12);
  });
});
