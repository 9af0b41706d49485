/**
 * How much a training pass keeps in memory, counted on sizes alone.
 *
 * @module
 */
import { type Network, outputSide } from "../networks/network.js";
import { elements } from "./rules.js";
import { ShapeBackend, type ShapeTensor } from "./shape-backend.js";

function isArray(value: unknown): value is ShapeTensor {
  return typeof value === "object" && value !== null && "dims" in value && "fromImage" in value;
}

/** `F`, which reports every array of image data its operations return. */
function observed(F: ShapeBackend, see: (made: ShapeTensor) => void): ShapeBackend {
  return new Proxy(F, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const made: unknown = value.apply(target, args);
        if (made instanceof ShapeBackend) return observed(made, see);
        if (isArray(made) && made.fromImage) see(made);
        return made;
      };
    },
  });
}

/**
 * Numbers in all arrays that the forward pass of training makes of one image: about what backward keeps.
 *
 * @param inputSide px
 * @throws ShapeError when the network cannot take that side
 */
export function activationCount(network: Network, inputSide: number): number {
  outputSide(network, inputSide);
  let count = 0;
  const F = new ShapeBackend();
  const watched = observed(F, ({ dims }) => {
    count += elements(dims);
  });
  network.train(watched, F.input([1, 3, inputSide, inputSide]));
  return count;
}
