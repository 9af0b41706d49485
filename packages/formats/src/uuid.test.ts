import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sha1, uuidOf } from "./uuid.js";

/** From Python's uuid.uuid5, fixtures/formats/make.py. */
const { ids }: { ids: Record<string, string> } = JSON.parse(
  readFileSync(new URL("../../../fixtures/formats/uuid.json", import.meta.url), "utf8"),
);

describe("uuidOf", () => {
  it("gives Python's uuid5 of the key as JSON", () => {
    for (const [name, id] of Object.entries(ids)) expect(uuidOf(...JSON.parse(name))).toBe(id);
  });

  it("tells keys apart that join to the same text", () => {
    expect(uuidOf("a", "bc")).not.toBe(uuidOf("ab", "c"));
    expect(uuidOf("a", 1)).not.toBe(uuidOf("a", "1"));
  });
});

it("sha1 has the digests of FIPS 180-4 around the block size", () => {
  const hex = (text: string): string => Buffer.from(sha1(new TextEncoder().encode(text))).toString("hex");
  expect(hex("abc")).toBe("a9993e364706816aba3e25717850c26c9cd0d89d");
  expect(hex("")).toBe("da39a3ee5e6b4b0d3255bfef95601890afd80709");
  expect(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).toBe(
    "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
  );
});
