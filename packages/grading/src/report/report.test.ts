import { type ClassScheme, createLabelMap, type Nucleus, RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import type { GradedImage } from "../graded-image.js";
import { fakeMetadata } from "../testing/fake-model.js";
import { FIELD_MIN_NUCLEI, rankFields } from "./fields.js";
import { histogramSvg, niceCeil } from "./histogram.js";
import { escapeHtml, reportPage, verdict } from "./page.js";
import { reportImage, reportPayload, taskLayer } from "./report-image.js";

function nucleus(id: number, type: number, x: number, y: number): Nucleus {
  return {
    id,
    type,
    typeProbability: 0.75,
    classProbabilities: [0.1, 0.6, 0.2, 0.05, 0.05],
    taskProbabilities: [
      [0.1, 0.8, 0.05, 0.05],
      [0.1, 0.6, 0.25, 0.05],
    ],
    bbox: [y, x, y + 2, x + 2],
    centroid: [x + 0.5, y + 0.5],
    areaPx: 4,
    areaUm2: 0.25,
    perimeterUm: 2,
    eccentricity: 0,
    majorAxisUm: 0.5,
    minorAxisUm: 0.5,
    solidity: 1,
    haematoxylinMean: 0.8,
  };
}

/** Two square nuclei on an 8 x 6 image, the second with a hole. */
function graded(): GradedImage {
  const labels = createLabelMap(8, 6);
  for (const p of [9, 10, 17, 18]) labels.data[p] = 1;
  for (const p of [20, 21, 22, 28, 30, 36, 37, 38]) labels.data[p] = 2;
  return {
    width: 8,
    height: 6,
    pixelSize: { mpp: 0.25, source: "--mpp option", assumed: false },
    labels,
    nuclei: [nucleus(1, 1, 1, 1), nucleus(2, 3, 4, 2)],
    counts: [0, 1, 0, 1, 0],
    classes: RCC_CLASSES,
    metadata: fakeMetadata(),
    post: fakeMetadata().post,
    maps: { width: 8, height: 6, channels: 7, data: new Float32Array(7 * 48) },
    mapsMpp: 0.25,
    timing: { resampleMs: 0, inferenceMs: 10, postprocessMs: 1 },
  };
}

describe("rankFields", () => {
  const image = { width: 1024, height: 512, mpp: 0.25 };
  const many = (type: number, count: number, x: number): Nucleus[] =>
    Array.from({ length: count }, (_, i) => nucleus(i + 1, type, x + i, 10));

  it("puts the field with the larger share of the highest grade first", () => {
    const fields = rankFields(
      image,
      [...many(1, 12, 0), ...many(1, 10, 600), ...many(3, 2, 700)],
      4,
      [1, 2, 3],
    );
    expect(fields.map((f) => [f.x, f.counts])).toEqual([
      [512, [10, 0, 2, 0]],
      [0, [12, 0, 0, 0]],
    ]);
  });

  it("does not rank a field with too few graded nuclei, whatever their grade", () => {
    expect(
      rankFields(image, [...many(3, FIELD_MIN_NUCLEI - 1, 0), ...many(4, 50, 100)], 4, [1, 2, 3]),
    ).toEqual([]);
  });

  it("cuts the last field at the image's edge", () => {
    const fields = rankFields({ width: 600, height: 512, mpp: 0.25 }, many(1, 12, 550), 4, [1, 2, 3]);
    expect(fields[0]).toMatchObject({ x: 512, width: 88, height: 512 });
  });
});

describe("reportImage", () => {
  it("codes rings as a start and steps, holes included, without the closing point", () => {
    const { nuclei } = reportImage("a", graded(), "", []);
    expect(nuclei.rings[0]).toHaveLength(1);
    expect(nuclei.rings[1]).toHaveLength(2);
    const [first] = nuclei.rings[0]!;
    expect(first).toHaveLength(8);
    const points = [[first![0]!, first![1]!]];
    for (let i = 2; i < 8; i += 2)
      points.push([points.at(-1)![0]! + first![i]!, points.at(-1)![1]! + first![i + 1]!]);
    expect(points.map(String).sort()).toEqual(["1,1", "1,3", "3,1", "3,3"]);
  });

  it("gives shares in percent without background, per class and task", () => {
    const { nuclei } = reportImage("a", graded(), "", []);
    expect(nuclei.classes[0]).toEqual([60, 20, 5, 5]);
    expect(nuclei.tasks[0]).toEqual([
      [80, 5, 5],
      [60, 25, 5],
    ]);
  });
});

describe("reportPayload", () => {
  it("names the channels of the tasks by the classes they merge", () => {
    expect(reportPayload(RCC_CLASSES).tasks.map((t) => t.labels)).toEqual([
      ["G1+G2", "G3", "Endo"],
      ["G1", "G2+G3", "Endo"],
    ]);
  });
});

describe("taskLayer", () => {
  it("shows the most probable class, as opaque as it is probable, and leaves background clear", () => {
    // Two pixels, 8 channels: the first is G3 in task 1, the second background.
    const data = Float32Array.of(0, 0.9, 0.2, 0, 0.8, 0.1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0);
    const { rgba } = taskLayer(RCC_CLASSES, 0, { width: 2, height: 1, channels: 8, data });
    expect([...rgba]).toEqual([0xff, 0x44, 0x38, 150, 0, 0, 0, 0]);
  });
});

describe("the page", () => {
  const image = reportImage('tile <"1">', graded(), "data:,", []);
  const payload = reportPayload(RCC_CLASSES);
  const input = {
    images: [image],
    payload,
    scheme: RCC_CLASSES,
    model: fakeMetadata(),
    engine: "ONNX Runtime",
    date: "2026-11-23",
    version: "0.1.0",
    failures: [{ name: "broken.png", message: "broken.png: is truncated" }],
    script: "",
  };

  it("states the verdict in one sentence", () => {
    expect(verdict(input)).toBe("2 nuclei; G1 50 %, G2 0.0 %, G3 50 %, Endo 0.0 %");
    expect(verdict({ ...input, images: [] })).toBe("No nuclei found");
  });

  it("speaks of nuclei where there is one class, and of classes where none is a grade", () => {
    const reduced = (count: number) => {
      const merge = Array.from({ length: count + 1 }, (_, i) => i);
      const [first, second] = RCC_CLASSES.tasks;
      const scheme: ClassScheme = {
        ...RCC_CLASSES,
        tasks: [
          { ...first, merge },
          { ...second, merge },
        ],
        classes: RCC_CLASSES.classes.slice(4 - count).map((c) => ({ ...c, name: "Nucleus" })),
      };
      const nuclei = { ...image.nuclei, type: image.nuclei.type.map(() => 1) };
      return { ...input, scheme, payload: reportPayload(scheme), images: [{ ...image, nuclei, fields: [] }] };
    };
    const one = reduced(1);
    expect(verdict(one)).toBe("2 nuclei");
    const html = [...reportPage(one)].join("");
    expect(html).toContain("<h2>Nuclei</h2>");
    expect(html).toContain("1 toggles the nuclei, O outlines. Nothing");
    expect(html).not.toContain("task map");
    expect([...reportPage(reduced(2))].join("")).toContain("<h2>Class distribution</h2>");
    expect([...reportPage(input)].join("")).toContain("<h2>Grade distribution</h2>");
  });

  it("escapes names and says that it is for research, synthetic, and what failed", () => {
    const html = [...reportPage(input)].join("");
    expect(html).not.toContain('<"1">');
    expect(html).toContain("Research use only");
    expect(html).toContain("trained on synthetic sections only");
    expect(html).toContain("broken.png: is truncated");
    expect(html.match(/<\/?main>/g)).toEqual(["<main>", "</main>"]);
    expect(escapeHtml(`<a href="x">'&`)).toBe("&#60;a href=&#34;x&#34;&#62;&#39;&#38;");
  });

  it("loads nothing from outside the file", () => {
    const html = [...reportPage(input)].join("");
    expect(html).not.toMatch(/(src|href)\s*=\s*["']?(https?:)?\/\//);
  });

  it("stands without any graded image", () => {
    const html = [...reportPage({ ...input, images: [] })].join("");
    expect(html).toContain("No image was graded");
    expect(html.match(/<\/?main>/g)).toEqual(["<main>", "</main>"]);
  });
});

describe("histogramSvg", () => {
  it("has nice axis ends and copes with no values", () => {
    expect([0.03, 7, 11, 24, 99].map(niceCeil)).toEqual([0.05, 10, 20, 25, 100]);
    expect(histogramSvg("Area", "µm²", [{ label: "G1", color: "#000", values: [] }])).not.toContain("NaN");
  });
});
