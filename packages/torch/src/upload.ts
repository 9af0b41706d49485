/**
 * Typed arrays to a device, as training batches need it.
 *
 * @module
 */
import type { TensorData } from "./native.js";
import { type Device, op, type Tensor, tensor } from "./tensor.js";

/**
 * A tensor with the elements of `data` on `device`. To a GPU it goes through page-locked memory, and the call does not
 * wait for the copy: operators that follow on the same stream do.
 */
export function upload(data: TensorData, shape: readonly number[], device: Device): Tensor {
  const host = tensor(data, shape);
  if (!device.startsWith("cuda")) return host;
  return op("to.device", [op("pin_memory", [host]), device, host.dtype, true]);
}
