import { ShapeError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertFlipsAreHandled } from "../../../tests/support/damage.js";
import { csvChunks, formatCsvNumber, parseCsv } from "./csv.js";

const bytesOf = (chunks: Iterable<string>): Uint8Array => new TextEncoder().encode([...chunks].join(""));

describe("csv", () => {
  it("writes RFC 4180", () => {
    const rows = [
      [1, "plain", null, true],
      [0.1 + 0.2, 'a "quoted", text', "two\nlines", false],
    ];
    expect([...csvChunks(["id", "a", "b", "c"], rows)].join("")).toBe(
      'id,a,b,c\r\n1,plain,,true\r\n0.3,"a ""quoted"", text","two\nlines",false\r\n',
    );
  });

  it("writes numbers with fixed digits", () => {
    expect([0.123456789, 1234567.891, 1e-9, 20413001, -0.5, 100].map((v) => formatCsvNumber(v))).toEqual([
      "0.123457",
      "1234570",
      "1e-9",
      "20413001",
      "-0.5",
      "100",
    ]);
    expect(formatCsvNumber(Math.PI, 3)).toBe("3.14");
  });

  it("comes back as it was written", () => {
    const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
      fc.array(
        fc.array(fc.oneof(fc.string(), fc.constantFrom("", '"', ",", "\r\n", "\n", '""')), {
          minLength: width,
          maxLength: width,
        }),
        { minLength: 1 },
      ),
    );
    fc.assert(
      fc.property(table, ([header, ...rows]) => {
        expect(parseCsv(bytesOf(csvChunks(header!, rows)))).toEqual([header, ...rows]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("reads LF line ends and a last line without one", () => {
    expect(parseCsv(bytesOf(["a,b\n1,\n,2"]))).toEqual([
      ["a", "b"],
      ["1", ""],
      ["", "2"],
    ]);
    expect(parseCsv(bytesOf(["a,b\n1,"]))).toEqual([
      ["a", "b"],
      ["1", ""],
    ]);
    expect(parseCsv(bytesOf([""]))).toEqual([]);
  });

  it("names the line", () => {
    expect(() => parseCsv(bytesOf(['a,b\r\n"x\ny",2\r\n1\r\n']), "t.csv")).toThrow(
      /^t\.csv: line 4: expected 2 cells, received 1/,
    );
    expect(() => parseCsv(bytesOf(['a\r\n"b\r\n']), "t.csv")).toThrow(
      /^t\.csv: line 2: a quote is not closed/,
    );
    expect(() => parseCsv(bytesOf(['a\r\nb"c\r\n']))).toThrow(/out of place/);
    expect(() => [...csvChunks(["a", "b"], [[1]])]).toThrow(ShapeError);
  });

  it("stands changed bytes", () => {
    assertFlipsAreHandled(
      parseCsv,
      bytesOf(
        csvChunks(
          ["a", "b"],
          [
            [1, 'x"y'],
            [2, "u,v"],
          ],
        ),
      ),
    );
  });
});
