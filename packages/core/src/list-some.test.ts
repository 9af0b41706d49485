import { expect, it } from "vitest";
import { listSome } from "./list-some.js";

it("names the first items and counts the others", () => {
  expect(listSome([], 2)).toBe("");
  expect(listSome(["a", "b"], 2)).toBe("a, b");
  expect(listSome(["a", "b", "c", "d"], 2)).toBe("a, b and 2 more");
  expect(listSome(["a", "b", "c"], 2, "; ")).toBe("a; b; and 1 more");
});
