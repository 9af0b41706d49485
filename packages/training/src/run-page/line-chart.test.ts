import { describe, expect, it } from "vitest";
import { lineChart, smoothed } from "./line-chart.js";
import { axisTicks, formatNumber, formatTime } from "./ticks.js";

describe("axisTicks", () => {
  it("are round and enclose the range", () => {
    expect(axisTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(axisTicks(1.03, 6.9, 5)).toEqual([0, 2, 4, 6, 8]);
    expect(axisTicks(-0.1, 0.3, 4)).toEqual([-0.1, 0, 0.1, 0.2, 0.3]);
    expect(axisTicks(2, 2, 5)).toEqual([2]);
  });
  it("of whole numbers lie inside", () => {
    expect(axisTicks(1, 6, 8, { whole: true })).toEqual([1, 2, 3, 4, 5, 6]);
    expect(axisTicks(10, 3500, 8, { whole: true })).toEqual([500, 1000, 1500, 2000, 2500, 3000, 3500]);
  });
});

describe("formatNumber and formatTime", () => {
  it("are short", () => {
    expect([0, 0.123456, 12345.6, 0.0001, -2.5e-7, -3, Number.NaN].map(formatNumber)).toEqual([
      "0",
      "0.1235",
      "12,346",
      "1e−4",
      "−2.5e−7",
      "−3",
      "–",
    ]);
    expect([1.25, 59, 61, 7265].map(formatTime)).toEqual(["1.3 s", "59 s", "1 min 01 s", "2 h 01 min"]);
  });
});

describe("smoothed", () => {
  it("starts unbiased, follows, and leaves gaps alone", () => {
    expect(smoothed([5, 5, null, 5])).toEqual([5, 5, null, 5]);
    const line = smoothed([0, 0, 10]);
    expect(line[2]!).toBeGreaterThan(3);
    expect(line[2]!).toBeLessThan(6);
  });
});

describe("lineChart", () => {
  const chart = {
    title: "Loss <total>",
    xLabel: "step",
    yLabel: "unit",
    x: [1, 2, 3],
    series: [{ name: "a & b", values: [0, null, 1], color: "red" }],
    yRange: [0, 1] as const,
  };
  it("puts values where they belong, with a tooltip per column", () => {
    const svg = lineChart(chart);
    // Left bottom to right top of the plot; the missing value is passed over.
    expect(svg).toContain('<path class="line" stroke="red" d="M46.0 174.0L448.0 22.0"/>');
    expect(svg.match(/<title>/g)).toHaveLength(3);
    expect(svg).toContain("<title>step 1\na &amp; b 0</title>");
    expect(svg).toContain("Loss &lt;total&gt;");
  });
  it("draws at most 240 columns of long runs, and marks and the best only where they lie", () => {
    const x = Array.from({ length: 3500 }, (_, i) => 10 * (i + 1));
    const series = [{ name: "a", values: x.map((v) => 1 / v), color: "red" }];
    const marks = [
      { x: 17500, label: "phase 2" },
      { x: 99999, label: "phase 3" },
    ];
    const svg = lineChart({
      ...chart,
      x,
      series,
      smooth: true,
      marks,
      best: { x: 200, y: 0.01, label: "best" },
    });
    expect(svg.match(/class="column"/g)!.length).toBeLessThanOrEqual(240);
    expect(svg.match(/class="line/g)).toHaveLength(2);
    expect(svg).toContain("phase 2");
    expect(svg).not.toContain("phase 3");
    expect(svg).toContain('class="best"');
  });
  it("stands one value alone, all values equal, and none", () => {
    for (const values of [[0.5], [null], [0]]) {
      const svg = lineChart({
        title: "",
        xLabel: "",
        yLabel: "",
        x: [7],
        series: [{ name: "a", values, color: "red" }],
      });
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});
