import { describe, expect, it } from "vitest";
import { checkLabels } from "./check-labels.js";

const image = { width: 4, height: 2, data: new Uint8Array(24) };
const map = (...data: number[]) => ({ width: 4, height: 2, data });

describe("checkLabels", () => {
  it("gives class 1 to every nucleus when there are no classes", () => {
    const { classes, instances, warnings } = checkLabels(
      "a.png",
      image,
      map(0, 5, 5, 0, 9, 0, 0, 0),
      null,
      null,
      1,
    );
    expect([...instances.data]).toEqual([0, 5, 5, 0, 9, 0, 0, 0]);
    expect([...classes.data]).toEqual([0, 1, 1, 0, 1, 0, 0, 0]);
    expect(warnings).toEqual([]);
  });

  it("rounds numeric noise", () => {
    const { instances } = checkLabels(
      "a.mat",
      image,
      map(0, 0.9999999, 1, 2.0000001, 0, 0, 0, 0),
      null,
      null,
      1,
    );
    expect([...instances.data]).toEqual([0, 1, 1, 2, 0, 0, 0, 0]);
  });

  it("takes the majority class and says so", () => {
    const { classes, warnings } = checkLabels(
      "a.mat",
      image,
      map(3, 3, 3, 0, 0, 8, 8, 0),
      map(2, 2, 1, 0, 0, 4, 4, 0),
      null,
      4,
    );
    expect([...classes.data]).toEqual([2, 2, 2, 0, 0, 4, 4, 0]);
    expect(warnings).toEqual(["a.mat: 1 instances have more than one class, majority taken: 3"]);
  });

  it("settles a draw by the smaller class", () => {
    const { classes } = checkLabels(
      "a",
      image,
      map(3, 3, 0, 0, 0, 0, 0, 0),
      map(4, 2, 0, 0, 0, 0, 0, 0),
      null,
      4,
    );
    expect([...classes.data].slice(0, 2)).toEqual([2, 2]);
  });

  it("clears classes without instance and instances without class, with warnings", () => {
    const { classes, instances, warnings } = checkLabels(
      "a.mat",
      image,
      map(1, 1, 0, 0, 2, 2, 0, 0),
      map(1, 1, 3, 0, 0, 0, 0, 0),
      null,
      4,
    );
    expect([...instances.data]).toEqual([1, 1, 0, 0, 0, 0, 0, 0]);
    expect([...classes.data]).toEqual([1, 1, 0, 0, 0, 0, 0, 0]);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toBe("a.mat: 1 px have a class but no instance; taken as background");
    expect(warnings[1]).toContain("1 instances have no class");
  });

  it("maps classes and drops those mapped to 0", () => {
    const { classes, instances } = checkLabels(
      "a.mat",
      image,
      map(1, 0, 2, 0, 3, 0, 0, 0),
      map(7, 0, 3, 0, 4, 0, 0, 0),
      new Map([
        [7, 4],
        [3, 0],
        [4, 1],
      ]),
      4,
    );
    expect([...classes.data]).toEqual([4, 0, 0, 0, 1, 0, 0, 0]);
    expect([...instances.data]).toEqual([1, 0, 0, 0, 3, 0, 0, 0]);
  });

  it.each([
    ["negative", map(0, -1, 0, 0, 0, 0, 0, 0), null, "a.mat: the instance map is -1 at row 0, column 1"],
    ["NaN", map(0, 0, 0, 0, 0, Number.NaN, 0, 0), null, "is NaN at row 1, column 1"],
    ["too many classes", map(1, 0, 0, 0, 0, 0, 0, 0), map(9, 0, 0, 0, 0, 0, 0, 0), "instance 1 has class 9"],
  ])("rejects %s values, naming file and place", (_, instances, classes, message) => {
    expect(() => checkLabels("a.mat", image, instances, classes, null, 4)).toThrow(message);
  });

  it("rejects maps of another size", () => {
    const small = { width: 2, height: 2, data: [0, 0, 0, 0] };
    expect(() => checkLabels("a.mat", image, small, null, null, 1)).toThrow(
      "a.mat: the instance map is 2 x 2 px, but the image is 4 x 2 px; put files of one size together",
    );
    expect(() => checkLabels("a.mat", image, map(0, 0, 0, 0, 0, 0, 0, 0), small, null, 1)).toThrow(
      "the class map",
    );
  });
});
