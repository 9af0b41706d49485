import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { counted, createProgress, formatDuration, printable, wrap } from "./progress.js";

/** A display on a stream of `columns`, with what it has written. */
function display(isTTY: boolean, columns = 60) {
  let time = 0;
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: string) => written.push(text) };
  const progress = createProgress(stream, () => time);
  return { progress, written, wait: (seconds: number) => (time += 1000 * seconds) };
}

describe("createProgress", () => {
  it("draws one bar with rate and remaining time on a terminal, cut to its width", () => {
    const { progress, written, wait } = display(true);
    const stage = progress.stage("grading", "windows");
    wait(2);
    stage.update(10, 40, "a_very_long_image_name");
    const bar = "━".repeat(7) + "─".repeat(21);
    expect(written).toEqual([`\r\u001b[2K${`grading ${bar} 10/40 windows · 5.0 windows/s`.slice(0, 59)}`]);
    wait(1);
    stage.end();
    expect(written.slice(1)).toEqual(["\r\u001b[2K", "grading: 10/40 windows · 5.0 windows/s (3.0 s)\n"]);
  });

  it("writes a plain line every ten seconds elsewhere", () => {
    const { progress, written, wait } = display(false);
    const stage = progress.stage("grading", "windows");
    for (let i = 1; i <= 25; i++) {
      wait(1);
      stage.update(i, 50);
    }
    expect(written).toEqual([
      "grading: 10/50 windows · 1.0 windows/s, 40 s left\n",
      "grading: 20/50 windows · 1.0 windows/s, 30 s left\n",
    ]);
  });

  it("counts the rate from where the stage began, and shows the caller's own remaining time", () => {
    const { progress, written, wait } = display(false);
    const stage = progress.stage("training", "steps", 350);
    stage.update(350, 700);
    wait(10);
    stage.update(360, 700);
    wait(10);
    stage.update(370, 700, "epoch 3/4", 75);
    expect(written).toEqual([
      "training: 360/700 steps · 1.0 steps/s, 5 min 40 s left\n",
      "training: 370/700 steps · 1.0 steps/s, 1 min 15 s left  epoch 3/4\n",
    ]);
  });

  it("clears the bar before an error, and breaks long sentences between words", () => {
    const { progress, written } = display(true, 24);
    progress.stage("x", "images").update(0, 1);
    progress.error("tile.png: the file is empty; copy it again");
    expect(written[1]).toBe("\r\u001b[2K");
    expect(stripVTControlCharacters(written[2] ?? "")).toBe(
      "error: tile.png: the\n  file is empty; copy it\n  again\n",
    );
  });

  it("uses no colour and breaks no line when piped", () => {
    const { progress, written } = display(false, 24);
    progress.warn("tile.png: no pixel size recorded; pass --mpp");
    expect(written).toEqual(["warning: tile.png: no pixel size recorded; pass --mpp\n"]);
  });
});

describe("wrap", () => {
  it("breaks at spaces, indents what goes on, and leaves long words whole", () => {
    expect(wrap("aa bb cc", 5)).toBe("aa bb\ncc");
    expect(wrap("aa bb cc", 5, 2)).toBe("aa bb\n  cc");
    expect(wrap("abcdefgh ij", 5, 2)).toBe("abcdefgh\n  ij");
    expect(wrap("short\naa bb cc", 5)).toBe("short\naa bb\ncc");
  });
});

describe("texts", () => {
  it("hold no control characters of file names", () => {
    expect(printable("a\u001b[31mb\u0007.png\n\tµ\u009b")).toBe("a\ufffd[31mb\ufffd.png\n\tµ\ufffd");
  });

  it("count and measure as people do", () => {
    expect([counted(1, "image"), counted(0, "image"), counted(1200, "map")]).toEqual([
      "1 image",
      "0 images",
      "1,200 maps",
    ]);
    expect([0.42, 9.96, 59.6, 75, 3700].map(formatDuration)).toEqual([
      "0.4 s",
      "10.0 s",
      "1 min 00 s",
      "1 min 15 s",
      "1 h 01 min",
    ]);
  });
});
