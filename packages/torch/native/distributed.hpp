// Several processes: libtorch's c10d with Gloo and, where the library has it, NCCL. Compiled in with USE_C10D_GLOO
// and USE_C10D_NCCL, which build.mjs defines for what it finds.
#pragma once

#include "values.hpp"

#ifdef USE_C10D_GLOO

#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <cstdlib>
#include <mutex>
#include <type_traits>
#include <variant>

namespace renograde {

#if TORCH_VERSION_MAJOR >= 2
using Backend = c10d::Backend;
#else
using Backend = c10d::ProcessGroup;
#endif
using Milliseconds = std::chrono::milliseconds;
using StorePointer = c10::intrusive_ptr<c10d::Store>;
using WorkPointer = c10::intrusive_ptr<c10d::Work>;

/** A backend and whether it reduces tensors of a GPU where they are. */
struct Group {
  c10::intrusive_ptr<Backend> backend;
  bool cuda = false;

  /** The tensor itself, or its copy in main memory for Gloo. */
  at::Tensor reachable(const at::Tensor& tensor) const {
    return cuda || tensor.device().is_cpu() ? tensor : tensor.cpu();
  }

  /** Starts the sum over all ranks, in place. */
  WorkPointer sum(const at::Tensor& tensor) const {
    std::vector<at::Tensor> tensors{tensor};
    return backend->allreduce(tensors);
  }
};

// Debian builds libtorch 2.x without libuv, which newer releases take by default; the member is younger than 1.13.
template <typename Options, typename = void>
struct LibUv {
  static void disable(Options&) {}
};
template <typename Options>
struct LibUv<Options, std::void_t<decltype(std::declval<Options&>().useLibUV)>> {
  static void disable(Options& options) { options.useLibUV = false; }
};

/** The store through which ranks find each other; rank 0 is the server. Never waits for the others. */
inline StorePointer openStore(const std::string& host, int64_t port, bool server, Milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(port);
  options.isServer = server;
  options.waitWorkers = false;
  options.timeout = timeout;
  LibUv<c10d::TCPStoreOptions>::disable(options);
  return c10::make_intrusive<c10d::TCPStore>(host, options);
}

inline bool isLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

/** @param name of the group: each has its own order of operations */
inline Group openGloo(
    const StorePointer& store, const std::string& name, int rank, int size, Milliseconds timeout,
    const std::string& host) {
  using Gloo = c10d::ProcessGroupGloo;
  const auto options = Gloo::Options::create(timeout);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  // Ranks of one machine need no name of it that resolves.
  options->devices.push_back(
      interface != nullptr  ? Gloo::createDeviceForInterface(interface)
      : isLoopback(host)    ? Gloo::createDeviceForHostname("127.0.0.1")
                            : Gloo::createDefaultDevice());
  const auto prefixed = c10::make_intrusive<c10d::PrefixStore>(name, store);
  return {c10::make_intrusive<Gloo>(prefixed, rank, size, options), false};
}

#ifdef USE_C10D_NCCL
inline Group openNccl(const StorePointer& store, int rank, int size, Milliseconds timeout) {
  // A lost rank shall be an exception of wait(), not the end of the process by NCCL's watchdog.
  for (const char* name : {"TORCH_NCCL_BLOCKING_WAIT", "NCCL_BLOCKING_WAIT"}) setenv(name, "1", 0);
  for (const char* name : {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "NCCL_ASYNC_ERROR_HANDLING"}) setenv(name, "0", 0);
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  const auto prefixed = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  return {c10::make_intrusive<c10d::ProcessGroupNCCL>(prefixed, rank, size, options), true};
}
#endif

/** Copies what rank `root` has into the tensor of every rank. */
inline void broadcast(const Group& group, const at::Tensor& tensor, int64_t root) {
  const at::NoGradGuard guard;
  at::Tensor whole = group.reachable(tensor.detach()).contiguous();
  c10d::BroadcastOptions options;
  options.rootRank = root;
  std::vector<at::Tensor> tensors{whole};
  group.backend->broadcast(tensors, options)->wait();
  if (!whole.is_same(tensor)) tensor.detach().copy_(whole);
}

/** The tensors of all ranks, by rank. */
inline std::vector<at::Tensor> gather(const Group& group, const at::Tensor& tensor) {
  const at::NoGradGuard guard;
  const at::Tensor mine = group.reachable(tensor.detach()).contiguous();
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int i = 0; i < group.backend->getSize(); i++) outputs[0].push_back(at::empty_like(mine));
  std::vector<at::Tensor> inputs{mine};
  group.backend->allgather(outputs, inputs)->wait();
  return outputs[0];
}

/**
 * Sums the gradients of parameters over all ranks, in buckets: as soon as backward has the gradients of a bucket, its
 * sum starts while backward goes on. Buckets start in the same order on every rank. Each carries one flag per
 * parameter, so that a gradient only some ranks have is zero on the others, and one that none has stays undefined.
 */
class GradientReducer : public std::enable_shared_from_this<GradientReducer> {
 public:
  /** @param parameters in the order in which backward is expected to finish them */
  static std::shared_ptr<GradientReducer> create(
      const Group& group, const std::vector<at::Tensor>& parameters, int64_t bucketBytes) {
    std::shared_ptr<GradientReducer> reducer(new GradientReducer(group, parameters, bucketBytes));
    for (size_t i = 0; i < parameters.size(); i++) {
      auto node = torch::autograd::impl::grad_accumulator(parameters[i]);
      node->add_post_hook(std::make_unique<Hook>(reducer, i));
      reducer->nodes_.push_back(std::move(node));
    }
    return reducer;
  }

  /** From now on backward starts sums; before, it only adds up gradients. */
  void arm() {
    const std::lock_guard<std::mutex> lock(mutex_);
    armed_ = true;
  }

  /** Starts the sums that are left, waits for all, and writes them into the gradients. */
  void finish() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const at::NoGradGuard guard;
    struct Reset {
      GradientReducer& reducer;
      ~Reset() { reducer.reset(); }
    } reset{*this};
    overlapped_ = next_;
    while (next_ < buckets_.size()) launch(buckets_[next_++]);
    for (Bucket& bucket : buckets_) {
      bucket.work->wait();
      if (!bucket.sent.is_same(bucket.flat)) bucket.flat.copy_(bucket.sent);
      const at::Tensor flags = bucket.flat.narrow(0, bucket.length, bucket.count).cpu().to(at::kFloat);
      for (size_t i = 0; i < bucket.count; i++) {
        if (flags.data_ptr<float>()[i] == 0) continue;
        const Member& member = members_[bucket.first + i];
        at::Tensor& gradient = member.parameter.mutable_grad();
        if (!gradient.defined()) gradient = at::empty_like(member.parameter);
        gradient.copy_(bucket.slice(member));
      }
    }
  }

  size_t buckets() const { return buckets_.size(); }
  /** Buckets whose sum started during the latest backward. */
  size_t overlapped() const { return overlapped_; }

 private:
  struct Member {
    at::Tensor parameter;
    size_t bucket;
    int64_t offset;
    bool ready;
  };

  struct Bucket {
    size_t first = 0;
    size_t count = 0;
    int64_t length = 0; // elements but for the flags
    size_t pending = 0;
    at::Tensor flat;
    at::Tensor sent; // `flat`, or its copy in main memory
    WorkPointer work;

    at::Tensor slice(const Member& member) const {
      return flat.narrow(0, member.offset, member.parameter.numel()).view(member.parameter.sizes());
    }
  };

  struct Hook : torch::autograd::FunctionPostHook {
    std::weak_ptr<GradientReducer> reducer;
    size_t index;

    Hook(const std::shared_ptr<GradientReducer>& owner, size_t i) : reducer(owner), index(i) {}
    torch::autograd::variable_list operator()(
        const torch::autograd::variable_list& outputs, const torch::autograd::variable_list&) override {
      if (const auto owner = reducer.lock()) owner->markReady(index);
      return outputs;
    }
  };

  GradientReducer(const Group& group, const std::vector<at::Tensor>& parameters, int64_t bucketBytes)
      : group_(group) {
    // A small first bucket starts early.
    int64_t limit = std::min<int64_t>(bucketBytes, 1 << 20);
    int64_t bytes = 0;
    for (const at::Tensor& parameter : parameters) {
      const bool fits = bytes + static_cast<int64_t>(parameter.nbytes()) <= limit;
      if (buckets_.empty() || !fits || parameter.scalar_type() != members_.back().parameter.scalar_type()) {
        if (!buckets_.empty()) limit = bucketBytes;
        buckets_.emplace_back().first = members_.size();
        bytes = 0;
      }
      Bucket& bucket = buckets_.back();
      members_.push_back({parameter, buckets_.size() - 1, bucket.length, false});
      bucket.length += parameter.numel();
      bucket.count++;
      bytes += static_cast<int64_t>(parameter.nbytes());
    }
    for (Bucket& bucket : buckets_) {
      const at::Tensor& like = members_[bucket.first].parameter;
      bucket.flat = at::zeros({bucket.length + static_cast<int64_t>(bucket.count)}, like.options().requires_grad(false));
    }
    reset();
  }

  void markReady(size_t index) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Member& member = members_[index];
    if (!armed_ || member.ready) return;
    member.ready = true;
    buckets_[member.bucket].pending--;
    while (next_ < buckets_.size() && buckets_[next_].pending == 0) launch(buckets_[next_++]);
  }

  void launch(Bucket& bucket) {
    const at::NoGradGuard guard;
    const at::Tensor flags = at::zeros({static_cast<int64_t>(bucket.count)}, at::kFloat);
    for (size_t i = 0; i < bucket.count; i++) {
      const Member& member = members_[bucket.first + i];
      const at::Tensor& gradient = member.parameter.grad();
      flags.data_ptr<float>()[i] = gradient.defined() ? 1 : 0;
      if (gradient.defined()) {
        bucket.slice(member).copy_(gradient);
      } else {
        bucket.slice(member).zero_();
      }
    }
    bucket.flat.narrow(0, bucket.length, static_cast<int64_t>(bucket.count)).copy_(flags);
    bucket.sent = group_.reachable(bucket.flat);
    bucket.work = group_.sum(bucket.sent);
  }

  void reset() {
    armed_ = false;
    next_ = 0;
    for (Member& member : members_) member.ready = false;
    for (Bucket& bucket : buckets_) {
      bucket.pending = bucket.count;
      bucket.work.reset();
      bucket.sent.reset();
    }
  }

  Group group_;
  std::vector<Member> members_;
  std::vector<Bucket> buckets_;
  // Keep the hooks alive; std::shared_ptr or, in newer releases, c10::intrusive_ptr.
  std::vector<decltype(torch::autograd::impl::grad_accumulator(std::declval<const at::Tensor&>()))> nodes_;
  std::mutex mutex_;
  bool armed_ = false;
  size_t next_ = 0;
  size_t overlapped_ = 0;
};

/** Stores, groups, works and reducers by the numbers JavaScript knows them by. */
class Distributed {
 public:
  using Object = std::variant<StorePointer, Group, WorkPointer, std::shared_ptr<GradientReducer>>;

  static Distributed& of(Context& context) {
    if (!context.distributed) context.distributed = std::make_shared<Distributed>();
    return *static_cast<Distributed*>(context.distributed.get());
  }

  double add(Object object) {
    objects_.emplace(++last_, std::move(object));
    return static_cast<double>(last_);
  }

  template <typename T>
  T& at(int64_t id) {
    const auto found = objects_.find(id);
    T* object = found == objects_.end() ? nullptr : std::get_if<T>(&found->second);
    if (object == nullptr) throw std::runtime_error("the process group was closed");
    return *object;
  }

  void remove(int64_t id) { objects_.erase(id); }

 private:
  int64_t last_ = 0;
  std::unordered_map<int64_t, Object> objects_;
};

} // namespace renograde

#endif
