import { describe, expect, test } from "vitest";
import { availableMainMemory } from "./main-memory.js";
import { engineError, OutOfMemoryError } from "./native.js";

const GIB = 2 ** 30;
const files = (texts: Record<string, string>) => (path: string) => texts[path];
const meminfo = { "/proc/meminfo": `MemTotal: ${24 * 2 ** 20} kB\nMemAvailable:   ${20 * 2 ** 20} kB\n` };

describe("availableMainMemory", () => {
  test("is the machine's where no control group has a limit", () => {
    expect(availableMainMemory(files(meminfo), "linux")).toBe(20 * GIB);
    const unlimited = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n" };
    expect(availableMainMemory(files({ ...meminfo, ...unlimited }), "linux")).toBe(20 * GIB);
  });

  test("is what the tightest group around the process grants; cached files do not count as used", () => {
    const groups = {
      "/proc/self/cgroup": "0::/slice/job\n",
      "/sys/fs/cgroup/slice/job/memory.max": "max\n",
      "/sys/fs/cgroup/slice/memory.max": `${8 * GIB}\n`,
      "/sys/fs/cgroup/slice/memory.current": `${7 * GIB}\n`,
      "/sys/fs/cgroup/slice/memory.stat": `anon ${2 * GIB}\ninactive_file ${4 * GIB}\nactive_file ${GIB}\n`,
    };
    expect(availableMainMemory(files({ ...meminfo, ...groups }), "linux")).toBe(6 * GIB);
  });

  test("reads version 1 as well", () => {
    const groups = {
      "/proc/self/cgroup": "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${4 * GIB}`,
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": `${3 * GIB}`,
      "/sys/fs/cgroup/memory/memory.stat": `total_inactive_file ${GIB}\ntotal_active_file 0\n`,
    };
    expect(availableMainMemory(files({ ...meminfo, ...groups }), "linux")).toBe(2 * GIB);
  });

  test("is something everywhere", () => {
    expect(availableMainMemory()).toBeGreaterThan(0);
    expect(availableMainMemory(files({}), "darwin")).toBeGreaterThan(0);
  });
});

describe("engineError", () => {
  test.each([
    ["OUT_OF_MEMORY", "anything"],
    ["LIBTORCH", "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.81 GiB"],
    ["LIBTORCH", "CUDA error: out of memory"],
    ["LIBTORCH", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"],
    ["LIBTORCH", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"],
    [
      "LIBTORCH",
      "[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory: you tried",
    ],
  ])("%s, %s: is out of memory", (code, message) => {
    expect(engineError(code, message)).toBeInstanceOf(OutOfMemoryError);
  });

  test("other errors are not", () => {
    const error = engineError("LIBTORCH", "aten::mm: mat1 and mat2 shapes cannot be multiplied");
    expect(error).not.toBeInstanceOf(OutOfMemoryError);
    expect(error.tag).toBe("EngineError");
  });
});
