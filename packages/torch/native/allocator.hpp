// A caching allocator for CPU tensors: freed blocks wait in size classes for the next tensor of about that size.
// Why: a training step allocates the same gigabytes again and again; returning them to the system costs a page
// fault per 4 KiB, and glibc's posix_memalign fragments (glibc bug 14581). The allocator is shared by all threads.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <mutex>
#include <vector>

namespace renograde {

/** What the allocator holds, in bytes. */
struct MemoryStats {
  size_t allocated; // in use by tensors
  size_t cached;    // freed and kept for reuse
  size_t peak;      // highest `allocated` since the last reset
  size_t limit;     // of allocated + cached, beyond which nothing is kept
  size_t bound;     // of allocated + cached, beyond which requests fail
};

class CachingAllocator final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  c10::DataPtr allocate(size_t n) override { return take(n); }
  void copy_data(void* to, const void* from, size_t n) const override { std::memcpy(to, from, n); }
#else
  c10::DataPtr allocate(size_t n) const override { return const_cast<CachingAllocator*>(this)->take(n); }
#endif

  // oneDNN's operators use raw allocations, which need this deleter.
  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::release; }

  /** The one allocator of the process; it is never destroyed, because tensors may outlive every thread of Node. */
  static CachingAllocator& get() {
    static CachingAllocator* instance = new CachingAllocator();
    return *instance;
  }

  /** Makes libtorch use it; calls after the first do nothing. */
  static void install() {
    static std::once_flag once;
    std::call_once(once, [] { c10::SetCPUAllocator(&get(), /*priority=*/100); });
  }

  MemoryStats stats() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {allocated_, cached_, peak_, limit_, bound_};
  }

  void resetPeak() {
    std::lock_guard<std::mutex> lock(mutex_);
    peak_ = allocated_;
  }

  void setLimit(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
    trimTo(std::min(limit_, bound_));
  }

  /** Requests that need more fail, as if the machine had no more: Linux grants all and kills whoever uses it. */
  void setBound(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    bound_ = bytes;
    trimTo(std::min(limit_, bound_));
  }

  void emptyCache() {
    std::lock_guard<std::mutex> lock(mutex_);
    trim(0);
  }

 private:
  // Eight classes per power of two: at most 12.5 % of a block is unused.
  static constexpr size_t kMinimum = 256;
  static constexpr int kClasses = 8 * 40;
  // In front of every block; 64 bytes, so that the data keeps libtorch's alignment.
  struct alignas(64) Header {
    int sizeClass;
  };

  static int classOf(size_t n) {
    if (n <= kMinimum) return 0;
    const int exponent = 63 - __builtin_clzll(n - 1); // 2^exponent < n <= 2^(exponent + 1)
    const size_t step = (size_t(1) << exponent) / 8;
    const int eighth = static_cast<int>((n - (size_t(1) << exponent) + step - 1) / step); // 1 ... 8
    return (exponent - 8) * 8 + eighth;
  }

  static size_t sizeOf(int sizeClass) {
    if (sizeClass == 0) return kMinimum;
    const int exponent = 8 + (sizeClass - 1) / 8;
    const size_t eighth = (sizeClass - 1) % 8 + 1;
    return (size_t(1) << exponent) / 8 * (8 + eighth);
  }

  c10::DataPtr take(size_t n) {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (n == 0) return {nullptr, nullptr, &CachingAllocator::release, cpu};
    const int sizeClass = classOf(n);
    TORCH_CHECK_WITH(OutOfMemoryError, sizeClass < kClasses, "no machine has ", n, " bytes");
    const size_t size = sizeOf(sizeClass);
    Header* header = nullptr;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      auto& list = free_[sizeClass];
      if (!list.empty()) {
        header = list.back();
        list.pop_back();
        cached_ -= size;
      } else {
        if (size > bound_ || allocated_ > bound_ - size) {
          TORCH_CHECK_WITH(
              OutOfMemoryError, false, "not enough memory: ", allocated_, " bytes are in use, ", size,
              " more were asked for, and the bound is ", bound_);
        }
        trimTo(std::min(limit_, bound_), size);
      }
      allocated_ += size;
      peak_ = std::max(peak_, allocated_);
    }
    if (header == nullptr) {
      header = fromSystem(size);
      header->sizeClass = sizeClass;
    }
    void* data = header + 1;
    return {data, data, &CachingAllocator::release, cpu};
  }

  // A failed request gives the cache back and tries once more; `allocated_` already counts it.
  Header* fromSystem(size_t size) {
    try {
      return static_cast<Header*>(c10::alloc_cpu(size + sizeof(Header)));
    } catch (const c10::Error&) {
      emptyCache();
    }
    try {
      return static_cast<Header*>(c10::alloc_cpu(size + sizeof(Header)));
    } catch (const c10::Error&) {
      std::lock_guard<std::mutex> lock(mutex_);
      allocated_ -= size;
      TORCH_CHECK_WITH(
          OutOfMemoryError, false, "not enough memory: ", allocated_, " bytes are in use, and the system has not ",
          size, " more");
    }
  }

  static void release(void* data) {
    if (data != nullptr) get().giveBack(static_cast<Header*>(data) - 1);
  }

  void giveBack(Header* header) {
    const size_t size = sizeOf(header->sizeClass);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      allocated_ -= size;
      if (allocated_ + cached_ + size <= std::min(limit_, bound_)) {
        free_[header->sizeClass].push_back(header);
        cached_ += size;
        return;
      }
    }
    c10::free_cpu(header);
  }

  // Frees cached blocks until allocated + cached + `more` is at most `most`. The caller holds the lock.
  void trimTo(size_t most, size_t more = 0) {
    if (allocated_ + cached_ + more > most) trim(most > allocated_ + more ? most - allocated_ - more : 0);
  }

  // Frees cached blocks, the largest first, until at most `keep` bytes stay cached. The caller holds the lock.
  void trim(size_t keep) {
    for (int i = kClasses - 1; i >= 0 && cached_ > keep; i--) {
      while (!free_[i].empty() && cached_ > keep) {
        c10::free_cpu(free_[i].back());
        free_[i].pop_back();
        cached_ -= sizeOf(i);
      }
    }
  }

  std::mutex mutex_;
  std::array<std::vector<Header*>, kClasses> free_;
  size_t allocated_ = 0;
  size_t cached_ = 0;
  size_t peak_ = 0;
  size_t limit_ = size_t(4) << 30;
  size_t bound_ = std::numeric_limits<size_t>::max();
};

} // namespace renograde
