/**
 * The report in a real browser, opened from disk: the picture is drawn, hovering names a nucleus, classes and task maps
 * switch, nothing is fetched, no error is logged.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RCC_CLASSES } from "@renograde/core";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { finishGrading } from "../../packages/grading/src/grade-image.js";
import { encodeReportImage, writeReport } from "../../packages/grading/src/node/write-report.js";
import { fakeMetadata } from "../../packages/grading/src/testing/fake-model.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
const reason = executablePath === undefined ? " (skipped: Chromium is not installed)" : "";

/** Two round nuclei, G1 on the left and G3 on the right, on 200 x 100 px. */
function sample() {
  const width = 200;
  const height = 100;
  const pixels = width * height;
  const maps = new Float32Array(7 * pixels);
  const tasks = new Float32Array(8 * (pixels / 4));
  const image = new Uint8Array(3 * pixels).fill(230);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const p = y * width + x;
      const t = Math.floor(y / 2) * (width / 2) + Math.floor(x / 2);
      const type = Math.hypot(x - 50, y - 50) < 20 ? 1 : Math.hypot(x - 150, y - 50) < 20 ? 3 : 0;
      const depth = type === 0 ? 0 : 1 - Math.hypot(x - (type === 1 ? 50 : 150), y - 50) / 20;
      maps[type * pixels + p] = 1;
      maps[5 * pixels + p] = type === 0 ? 0 : 1;
      maps[6 * pixels + p] = depth;
      tasks[(type === 0 ? 0 : type === 1 ? 1 : 2) * (pixels / 4) + t] = 1;
      tasks[(4 + (type === 0 ? 0 : type === 1 ? 1 : 2)) * (pixels / 4) + t] = 1;
      if (type > 0) image.set([110, 70, 130], 3 * p);
    }
  }
  return {
    image: { width, height, data: image },
    maps: { width, height, channels: 7, data: maps },
    tasks: { width: width / 2, height: height / 2, channels: 8, data: tasks },
  };
}

describe.skipIf(executablePath === undefined)(`the report in Chromium${reason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "renograde-report-"));
  const problems: string[] = [];
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const { image, maps, tasks } = sample();
    const metadata = fakeMetadata();
    const graded = finishGrading(
      image,
      {
        maps,
        tasks,
        pixelSize: { mpp: 0.25, source: "--mpp option", assumed: false },
        mapsMpp: 0.25,
        resampleMs: 0,
        inferenceMs: 0,
      },
      metadata,
    );
    const path = join(folder, "report.html");
    await writeReport(path, {
      images: [await encodeReportImage("tile", image, graded)],
      scheme: RCC_CLASSES,
      model: metadata,
      engine: "test",
      date: "2026-11-23",
      version: "0.1.0",
      failures: [],
    });
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => !/^(file|data):/.test(request.url()) && problems.push(request.url()));
    await page.goto(pathToFileURL(path).href);
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Where an image pixel lies on the page after "fit". */
  async function at(x: number, y: number): Promise<[number, number]> {
    const box = (await page.locator("#view").boundingBox())!;
    const scale = Math.min(box.width / 200, box.height / 100);
    return [
      box.x + (box.width - 200 * scale) / 2 + x * scale,
      box.y + (box.height - 100 * scale) / 2 + y * scale,
    ];
  }

  /** Colour of the canvas at an image pixel. */
  async function colorAt(x: number, y: number): Promise<number[]> {
    const box = (await page.locator("#view").boundingBox())!;
    const [px, py] = await at(x, y);
    return await page.evaluate(
      ([cx, cy]) => {
        const canvas = document.querySelector("canvas#view") as HTMLCanvasElement;
        const ratio = canvas.width / canvas.clientWidth;
        return [
          ...canvas
            .getContext("2d")!
            .getImageData(cx! * ratio, cy! * ratio, 1, 1)
            .data.slice(0, 3),
        ];
      },
      [px - box.x, py - box.y],
    );
  }

  it("draws the picture", async () => {
    const near = ([r, g, b]: number[]): boolean =>
      Math.abs(r! - 110) < 12 && Math.abs(g! - 70) < 12 && Math.abs(b! - 130) < 12;
    await expect.poll(async () => near(await colorAt(50, 50))).toBe(true);
    expect(await page.locator(".verdict").textContent()).toBe(
      "2 nuclei; G1 50 %, G2 0.0 %, G3 50 %, Endo 0.0 %",
    );
  });

  const panel = (): Promise<string | null> => page.locator("#nucleus").textContent();

  it("names the nucleus under the pointer and what both tasks saw", async () => {
    await page.mouse.move(...(await at(150, 50)));
    await expect.poll(panel).toContain("G3 1.00");
    expect(await panel()).toContain("G2+G3 1.00");
    await page.mouse.move(...(await at(100, 10)));
    await expect.poll(panel).toContain("Point at a nucleus");
  });

  it("hides a class by its key, and its nuclei no longer answer", async () => {
    await page.keyboard.press("3");
    expect(await page.locator("#class-2").isChecked()).toBe(false);
    await page.mouse.move(...(await at(50, 50)));
    await expect.poll(panel).toContain("G1 1.00");
    await page.mouse.move(...(await at(149, 50)));
    await expect.poll(panel).toContain("Point at a nucleus");
    await page.keyboard.press("3");
  });

  it("lays a task map over the picture", async () => {
    const isRed = async (): Promise<boolean> => {
      const [r, g, b] = await colorAt(150, 50);
      return r! > 200 && g! < 120 && b! < 120;
    };
    await page.keyboard.press("h");
    await expect.poll(isRed).toBe(true);
    await page.keyboard.press("h");
    await page.keyboard.press("h");
    await expect.poll(isRed).toBe(false);
  });

  it("zooms about the pointer and back", async () => {
    const bar = async (): Promise<number> => (await page.locator("#scale-bar").boundingBox())!.width;
    const before = await bar();
    await page.mouse.move(...(await at(50, 50)));
    await page.mouse.wheel(0, -60);
    await expect.poll(bar).toBeGreaterThan(1.2 * before);
    await page.keyboard.press("0");
    await expect.poll(async () => Math.abs((await bar()) - before)).toBeLessThan(0.5);
  });

  it("logs no error and asks for nothing outside the file", () => {
    expect(problems).toEqual([]);
  });
});
