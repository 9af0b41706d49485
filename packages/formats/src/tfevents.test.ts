import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { crc32c, maskCrc32c, unmaskCrc32c } from "./checksums.js";
import {
  encodeTfEvent,
  parseTfEvents,
  type TfEvent,
  type TfSummaryValue,
  tfVersionEvent,
} from "./tfevents.js";

const FOLDER = fileURLToPath(new URL("../../../fixtures/tensorboard/", import.meta.url));
const BYTES = new Uint8Array(readFileSync(`${FOLDER}events.bin`));

interface Described {
  readonly wallTime: number;
  readonly step: number;
  readonly version?: string;
  readonly start?: true;
  readonly values?: readonly {
    readonly tag: string;
    readonly scalar?: number | null;
    readonly width?: number;
    readonly height?: number;
    readonly png?: string;
  }[];
}

/** The events TensorBoard wrote; JSON has no NaN. */
const EVENTS = (JSON.parse(readFileSync(`${FOLDER}events.json`, "utf8")) as Described[]).map(
  ({ wallTime, step, version, start, values }): TfEvent => {
    if (version !== undefined) return { wallTime, step, content: { kind: "version", version } };
    if (start) return { wallTime, step, content: { kind: "start" } };
    const list = values!.map(({ tag, scalar, width = 0, height = 0, png = "" }): TfSummaryValue => {
      if (scalar !== undefined) return { tag, scalar: scalar ?? Number.NaN };
      return { tag, image: { width, height, encoded: new Uint8Array(Buffer.from(png, "base64")) } };
    });
    return { wallTime, step, content: { kind: "values", values: list } };
  },
);

describe("event files of TensorBoard", () => {
  it("are written as TensorBoard itself writes them, byte for byte", () => {
    expect(Buffer.concat(EVENTS.map(encodeTfEvent)).equals(BYTES)).toBe(true);
    expect(encodeTfEvent(tfVersionEvent(1764000000.25))).toEqual(BYTES.slice(0, 40));
  });

  it("are read back", () => {
    const images = (events: readonly TfEvent[]) =>
      events.map(({ content, ...rest }) => ({
        ...rest,
        content:
          content.kind !== "values"
            ? content
            : content.values.map((v) =>
                "image" in v ? { ...v, image: { ...v.image, encoded: [...v.image.encoded] } } : v,
              ),
      }));
    expect(images(parseTfEvents(BYTES, "events.bin"))).toEqual(images(EVENTS));
  });

  it("may end in a record that a kill cut off", () => {
    const last = encodeTfEvent(EVENTS.at(-1)!).length;
    for (const missing of [1, 5, last - 12, last - 11, last - 1]) {
      expect(parseTfEvents(BYTES.slice(0, -missing), "events.bin").length).toBe(EVENTS.length - 1);
    }
  });

  it("are refused when a byte is wrong, in a length or in a message", () => {
    for (const at of [0, 9, 45, BYTES.length - 1]) {
      const damaged = BYTES.slice();
      damaged[at]! ^= 1;
      expect(() => parseTfEvents(damaged, "events.bin")).toThrow(
        /events\.bin: .*record at byte \d+ is damaged/,
      );
    }
  });
});

describe("maskCrc32c", () => {
  it("turns as TFRecord does and back", () => {
    const crc = crc32c(new TextEncoder().encode("123456789"));
    for (const value of [0, 1, crc, 0xffffffff]) expect(unmaskCrc32c(maskCrc32c(value))).toBe(value);
  });
});
