import { expect, it } from "vitest";
import { methodText } from "./method-text.js";

it("says what each network does, and names those it does not know", () => {
  expect(methodText("hover-net")).toMatch(/^HoVer-Net \(Graham et al\..*offset/);
  expect(methodText("chr-net")).toMatch(/^CHR-Net \(Gao et al\..*W-Net/);
  expect(methodText(undefined)).toBe(methodText("chr-net"));
  expect(methodText("mine")).toBe('Network "mine", exported by Renograde.');
});
