import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type ClassScheme, RCC_CLASSES } from "@renograde/core";
import { encodeSafetensors, type SafetensorSource } from "@renograde/formats";
import { declareParameters, elements, initState } from "@renograde/nn";
import { writeLabelPng, writePng } from "@renograde/slides/node";
import { isTorchAvailable } from "@renograde/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatConfig, parseConfig, readConfig } from "../config/load-config.js";
import type { TrainConfig } from "../config/schema.js";
import { exportRunWeights } from "../export/export-run.js";
import { readCheckpoint } from "../loop/checkpoint.js";
import { networkOf } from "../loop/engine.js";
import { readRunInfo, runPaths } from "../loop/run-folder.js";
import { readLog } from "../loop/run-log.js";
import { train } from "../loop/train.js";
import { initialWeights, withInitialWeights } from "./initialise.js";
import { classDependent } from "./warm-start.js";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../../fixtures/weights/${name}`, import.meta.url));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-initialise-"));
  for (const end of ["index", "data-00000-of-00001"]) {
    await writeFile(join(folder, `model-40800.${end}`), gunzipSync(fixture(`model-40800.${end}.gz`)));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const configOf = (...set: string[]): TrainConfig => parseConfig("", { set });

/** Two classes in place of four. */
const TWO_CLASSES: ClassScheme = {
  name: "two",
  classes: [
    { name: "Tumour", short: "T", color: [255, 0, 0] },
    { name: "Other", short: "O", color: [0, 0, 255] },
  ],
  tasks: [
    { name: "all", merge: [0, 1, 1] },
    { name: "each", merge: [0, 1, 2] },
  ],
};

describe("init.encoder", () => {
  const encoder = (): string => join(folder, "resnet34.safetensors");

  beforeAll(async () => {
    const zeros = new Uint16Array(512 * 512 * 9);
    const tensors = fixture("torchvision-resnet34.txt")
      .toString()
      .trim()
      .split("\n")
      .map((line): [string, SafetensorSource] => {
        const [name, sizes] = line.split(" ");
        const shape = sizes ? sizes.split(",").map(Number) : [];
        const data = zeros.slice(0, elements(shape));
        if (name === "conv1.weight") data.fill(0x3c00); // 1 in half precision
        return [name!, { dtype: "F16", shape, data }];
      });
    await writeFile(encoder(), encodeSafetensors(tensors));
  });

  it("loads ResNet-34 with the normalisation folded in and records it", async () => {
    const initial = (await initialWeights(configOf(`init.encoder=${encoder()}`), RCC_CLASSES))!;
    expect(initial.record).toMatchObject({
      option: "init.encoder",
      file: "resnet34.safetensors",
      format: "safetensors",
      family: "torchvision ResNet-34",
      tensors: 180,
      ofTensors: 260,
      foldedNormalisation: true,
    });
    expect(initial.record.sha256).toMatch(/^[0-9a-f]{64}$/);
    // 21,284,672 trained numbers and the running statistics of 36 batch norms of 8,512 channels in all.
    expect(initial.record.values).toBe(21_284_672 + 2 * 8512);
    expect(initial.record.fresh).toHaveLength(80);
    expect(initial.record.fresh.every((name) => name.includes(".gc."))).toBe(true);
    const stem = initial.state.get("encoder.stem.conv.weight")!.data;
    expect(stem[0]).toBe(Math.fround(1 / 0.229));
    expect(stem[49]).toBe(Math.fround(1 / 0.224));
    const shift = 49 * (0.485 / 0.229 + 0.456 / 0.224 + 0.406 / 0.225);
    expect(initial.state.get("encoder.stem.bn.running_mean")!.data[63]).toBeCloseTo(shift, 3);
  });

  it("leaves the weights as they are in preset reference", async () => {
    const config = configOf("preset=reference", `init.encoder=${encoder()}`);
    const initial = (await initialWeights(config, RCC_CLASSES))!;
    expect(initial.record.foldedNormalisation).toBe(false);
    expect(initial.state.get("encoder.stem.conv.weight")!.data[0]).toBe(1);
  });

  it.each([
    ["u-net", [], "tensorpack pre-activation ResNet-50 or HoVer-Net's pre-activation ResNet-50"],
    ["hover-net", ["net.backbone=torchvision"], "torchvision ResNet-50"],
    ["shr", [], "torchvision ResNet-34 or tensorpack ResNet-34"],
  ])("knows which files fit %s", async (network, set, expected) => {
    const path = join(folder, "other.pth");
    await writeFile(path, fixture("zip.pth"));
    const config = configOf(`net.network=${network}`, ...set, `init.encoder=${path}`);
    await expect(initialWeights(config, RCC_CLASSES)).rejects.toThrow(
      `other.pth: does not hold the encoder of ${network} (its tensors are 0.weight, 1.weight, 1.bias, …); expected ${expected}`,
    );
  });

  it("says that a network has no pretrained encoder", async () => {
    await expect(
      initialWeights(configOf("net.network=dist", "init.encoder=a.pth"), RCC_CLASSES),
    ).rejects.toThrow(
      "init.encoder: dist has no encoder that pretrained weights are known for; leave it out",
    );
  });

  it("refuses a narrow network and other files", async () => {
    await expect(
      initialWeights(configOf("net.width=0.5", `init.encoder=${encoder()}`), RCC_CLASSES),
    ).rejects.toThrow(
      "init.encoder: pretrained weights have the full number of channels, so net.width must be 1; received 0.5",
    );
    const path = join(folder, "other.pth");
    await writeFile(path, fixture("zip.pth"));
    await expect(initialWeights(configOf(`init.encoder=${path}`), RCC_CLASSES)).rejects.toThrow(
      /other\.pth: does not hold the encoder of chr-net \(its tensors are 0\.weight, 1\.weight, 1\.bias, …\); expected torchvision ResNet-34 or/,
    );
  });
});

describe("init.weights", () => {
  const authors = (...set: string[]): TrainConfig =>
    configOf("preset=reference", "net.width=0.03", `init.weights=${join(folder, "model-40800")}`, ...set);

  it("loads the authors' checkpoint into every tensor", async () => {
    const initial = (await initialWeights(authors(), RCC_CLASSES))!;
    const specs = declareParameters(networkOf(authors(), RCC_CLASSES));
    expect([...initial.state.keys()]).toEqual(specs.map((spec) => spec.name));
    expect(initial.record).toMatchObject({
      family: "CHR-Net in its authors' naming",
      format: "TensorFlow checkpoint",
      file: "model-40800",
      tensors: specs.length,
      ofTensors: specs.length,
    });
  });

  it("wants the structure and the classes the weights were trained with", async () => {
    await expect(
      initialWeights(authors("net.resRelu=block", "net.luInput=probabilities"), RCC_CLASSES),
    ).rejects.toThrow(/need preset: reference; net\.resRelu, net\.luInput differ from it/);
    await expect(initialWeights(authors(), TWO_CLASSES)).rejects.toThrow(
      /have the classes Grade 1, .* received Tumour, Other/,
    );
    await expect(initialWeights(authors("net.width=0.25"), RCC_CLASSES)).rejects.toThrow(
      /'conv0\/bn\/gamma' \(our encoder\.stem\.bn\.weight\) should be \[16\] but is \[8\]/,
    );
  });

  it("loads safetensors with our own names", async () => {
    const config = configOf("net.network=shr", "net.width=0.01");
    const fresh = initState(declareParameters(networkOf(config, RCC_CLASSES)), 5);
    const path = join(folder, "own.safetensors");
    const tensors = [...fresh].map(([name, { shape, data }]): [string, SafetensorSource] => [
      name,
      { dtype: "F32", shape, data },
    ]);
    await writeFile(path, encodeSafetensors(tensors));
    const initial = (await initialWeights(
      { ...config, init: { ...config.init, weights: path } },
      RCC_CLASSES,
    ))!;
    expect(initial.state).toEqual(fresh);
  });
});

describe("class-dependent tensors", () => {
  it.each([
    [
      "chr-net",
      [
        "hrfe1.out.weight",
        "hrfe1.out.bias",
        "hrfe2.out.weight",
        "hrfe2.out.bias",
        "fuse.out.weight",
        "fuse.out.bias",
      ],
    ],
    ["shr", ["hrfe1.out.weight", "hrfe1.out.bias"]],
    ["hover-net", ["tp.out.weight", "tp.out.bias"]],
  ])("are the heads of %s", (network, expected) => {
    const config = configOf(`net.network=${network}`, "net.width=0.01");
    expect([...classDependent((classes) => networkOf(config, classes), RCC_CLASSES)]).toEqual(expected);
  });
});

describe("configuration", () => {
  it("takes files from the folder of the configuration, and from the working directory with --set", async () => {
    const path = join(folder, "run.yaml");
    await writeFile(path, "init:\n  encoder: weights/resnet34.pth\ndata:\n  classMap: map.json\n");
    const config = await readConfig(path, ["split={file: split.json}"]);
    expect([config.init.encoder, config.data.classMap, config.split.file]).toEqual([
      join(folder, "weights/resnet34.pth"),
      join(folder, "map.json"),
      join(process.cwd(), "split.json"),
    ]);
    const other = await readConfig(path, ["init.encoder=resnet34.pth"]);
    expect(other.init.encoder).toBe(join(process.cwd(), "resnet34.pth"));
    expect((await readConfig(undefined)).init).toEqual({
      encoder: null,
      weights: null,
      from: null,
      foldImagenetNorm: true,
    });
  });

  it("wants one source at a time", () => {
    expect(() => configOf("init.encoder=a.pth", "init.from=runs/b")).toThrow(
      /expected one of init\.encoder, init\.from at a time/,
    );
  });
});

describe.skipIf(!isTorchAvailable())("a run that starts from weights (needs libtorch)", () => {
  const small = [
    "net.width=0.01",
    "net.network=shr",
    "data.window=24",
    "data.step=16",
    "data.crop=22",
    "train.batch=2",
    "train.threads=1",
    "train.workers=0",
    "train.phases=[{epochs: 1, lr: 0.001, freeze: false}]",
  ];

  async function makeDataset(path: string, scheme: readonly string[] | null): Promise<void> {
    await mkdir(join(path, "images"), { recursive: true });
    await mkdir(join(path, "labels"), { recursive: true });
    if (scheme !== null) {
      await mkdir(join(path, "classes"), { recursive: true });
      const source = Object.fromEntries(scheme.map((name, i) => [i + 1, name]));
      await writeFile(join(path, "classes.json"), JSON.stringify({ target: scheme, map: source }));
    }
    for (let n = 0; n < 4; n++) {
      const labels = new Int32Array(32 * 32);
      for (let y = 8; y < 20; y++) labels.fill(1, y * 32 + 6 + n, y * 32 + 18 + n);
      const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) =>
        labels[Math.floor(i / 3)] ? 90 : 220,
      );
      await writePng(join(path, "images", `n${n}.png`), { width: 32, height: 32, data: pixels });
      await writeLabelPng(join(path, "labels", `n${n}.png`), { width: 32, height: 32, data: labels });
    }
  }

  it("records what it loaded, and resumes without the file", async () => {
    const dataDir = join(folder, "data");
    await makeDataset(dataDir, null);
    const first = join(folder, "first");
    await train({ config: configOf(...small), dataDir, runDir: first });
    expect((await readRunInfo(first)).init).toBeNull();

    const second = join(folder, "second");
    const config = configOf(...small, `init.from=${first}`);
    const messages: string[] = [];
    await train({
      config,
      dataDir,
      runDir: second,
      onProgress: (event) => {
        if (event.kind === "warning") messages.push(event.message);
      },
    });
    const init = (await readRunInfo(second)).init!;
    expect(init).toMatchObject({ option: "init.from", fresh: [], family: "Renograde's own naming" });
    expect(init.tensors).toBe(init.ofTensors);
    expect(messages.filter((message) => message.includes("afresh"))).toEqual([]);
    const log = await readLog(runPaths(second).log);
    expect(log[0]).toMatchObject({ kind: "start", init: { sha256: init.sha256 } });

    await rm(first, { recursive: true });
    await train({ config, dataDir, runDir: second, resume: true });
    expect((await readRunInfo(second)).init).toEqual(init);
  });

  it("starts the heads afresh where the classes changed, and nothing else", async () => {
    const dataDir = join(folder, "data");
    await makeDataset(dataDir, null);
    const first = join(folder, "third");
    await train({ config: configOf(...small), dataDir, runDir: first });
    const info = await readRunInfo(first);
    // A head of equal shape whose class means something else is not taken either.
    const renamed: ClassScheme = {
      ...info.classes,
      classes: info.classes.classes.map((c) => ({ ...c, name: `other ${c.name}` })),
    };
    for (const [what, scheme] of [
      ["renamed", renamed],
      ["two", TWO_CLASSES],
    ] as const) {
      const config = configOf(...small, `init.from=${first}`);
      const initial = (await initialWeights(config, scheme))!;
      expect(initial.record.fresh, what).toEqual(["hrfe1.out.weight", "hrfe1.out.bias"]);
      expect(initial.notes, what).toEqual([
        "starting afresh because the classes differ: hrfe1.out.weight, hrfe1.out.bias",
      ]);
      const specs = declareParameters(networkOf(config, scheme));
      const start = withInitialWeights(initState(specs, 1), initial);
      const { network } = await readCheckpoint(runPaths(first).best).catch(() =>
        readCheckpoint(runPaths(first).last),
      );
      for (const [name, tensor] of network) {
        if (!name.startsWith("hrfe1.out")) expect(start.get(name), name).toEqual(tensor);
      }
    }
    const wider = configOf(...small, "net.width=0.25", `init.from=${first}`);
    await expect(initialWeights(wider, info.classes)).rejects.toThrow(
      /only class-dependent heads may differ from the new network, but "encoder\.stem\.conv\.weight" should be \[16, 3, 7, 7\] but is \[8, 3, 7, 7\]/,
    );
    const otherOptions = configOf(...small, "net.resRelu=group", `init.from=${first}`);
    expect((await initialWeights(otherOptions, info.classes))!.notes).toEqual([
      `net.resRelu was block in ${first} and is group now`,
    ]);
    expect(await readFile(runPaths(first).config, "utf8")).toBe(formatConfig(configOf(...small)));
  });

  it("starts from exported weights as from the run, and knows what they belong to", async () => {
    const dataDir = join(folder, "data");
    await makeDataset(dataDir, null);
    const first = join(folder, "exported");
    await train({ config: configOf(...small, "model.licence=MIT"), dataDir, runDir: first });
    const { classes } = await readRunInfo(first);
    const [full, half] = [join(folder, "full.safetensors"), join(folder, "half.safetensors")];
    await exportRunWeights(first, full, { checkpoint: "last" });
    await exportRunWeights(first, half, { checkpoint: "last", weights: "float16" });
    expect(readFileSync(half).length).toBeLessThan(0.65 * readFileSync(full).length);

    const from = (path: string, ...set: string[]) => configOf(...small, ...set, `init.from=${path}`);
    const { network } = await readCheckpoint(runPaths(first).last);
    const exact = (await initialWeights(from(full), classes))!;
    expect(exact.notes).toEqual([
      `${full}: its licence, MIT, holds for models made from it; say so in model.licence`,
    ]);
    for (const [name, tensor] of network) expect(exact.state.get(name), name).toEqual(tensor);
    for (const [name, { shape, data }] of (await initialWeights(from(half), classes))!.state) {
      const whole = network.get(name)!.data;
      const error = data.map((value, i) => Math.abs(value - whole[i]!) - Math.abs(whole[i]!) / 2048);
      // Half precision below its normal numbers has steps of 2^-24.
      expect(Math.max(...error), name).toBeLessThanOrEqual(shape.length > 1 ? 2 ** -25 : 0);
    }
    expect((await initialWeights(from(half), TWO_CLASSES))!.record.fresh).toEqual([
      "hrfe1.out.weight",
      "hrfe1.out.bias",
    ]);
    expect((await initialWeights(from(full, "data.mpp=0.5"), classes))!.notes).toContain(
      `${full} was trained at 0.25 µm/px, and data.mpp is 0.5 now`,
    );
    await expect(initialWeights(from(half, "net.width=0.25"), classes)).rejects.toThrow(
      /; and \d+ more; net\.width was 0\.01 in .*half\.safetensors and is 0\.25 now$/,
    );
  });

  it("says so when what a file of weights says of itself is damaged", async () => {
    const path = join(folder, "damaged.safetensors");
    for (const text of ["{", '{"format": 1, "name": "a"}']) {
      await writeFile(path, encodeSafetensors([], [["renograde.weights", text]]));
      await expect(initialWeights(configOf(...small, `init.from=${path}`), RCC_CLASSES)).rejects.toThrow(
        `${path}: its metadata "renograde.weights" are damaged; export it again`,
      );
    }
  });
});
