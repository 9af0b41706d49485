// Native tensors as JavaScript sees them: a handle is a BigInt that is never used twice, so that a stale handle is
// an error and never another tensor. Handles belong to the scope that was innermost when they were made and are
// released with it; outside every scope JavaScript releases them itself (a FinalizationRegistry is its net).
#pragma once

#define NAPI_VERSION 8
#include <node_api.h>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

namespace renograde {

/** A JavaScript exception is already pending; nothing more is to be said. */
struct JsPending {};

/** One per environment (main thread or worker), created when the addon is loaded. */
class Context {
 public:
  explicit Context(napi_env env) : env_(env) {}

  /** Operators by the number JavaScript knows them by. */
  std::vector<c10::OperatorHandle> operators;

  /** What belongs to several processes (distributed.hpp), once it is used. */
  std::shared_ptr<void> distributed;

  uint64_t add(at::Tensor tensor) {
    const uint64_t id = ++last_;
    Entry& entry = table_[id];
    entry.tensor = std::move(tensor);
    entry.scope = scopes_.size();
    if (entry.scope == 0) {
      account(entry);
    } else {
      scopes_.back().push_back(id);
    }
    return id;
  }

  const at::Tensor& at(uint64_t id) const {
    auto found = table_.find(id);
    if (found == table_.end()) {
      throw std::runtime_error("the tensor was released: its scope ended or it was disposed");
    }
    return found->second.tensor;
  }

  /** Releases a handle; one that is gone already is left alone. */
  void release(uint64_t id) {
    auto found = table_.find(id);
    if (found == table_.end()) return;
    const int64_t accounted = found->second.accounted;
    table_.erase(found);
    adjust(-accounted);
  }

  void beginScope() { scopes_.emplace_back(); }

  /** Releases what the innermost scope owns, but for `kept`, which move one scope outwards. */
  void endScope(const std::vector<uint64_t>& kept) {
    if (scopes_.empty()) throw std::runtime_error("no scope is open");
    const std::vector<uint64_t> owned = std::move(scopes_.back());
    const size_t depth = scopes_.size();
    scopes_.pop_back();
    for (uint64_t id : kept) {
      auto found = table_.find(id);
      if (found != table_.end() && found->second.scope == depth) moveOut(id, found->second, depth - 1);
    }
    for (uint64_t id : owned) {
      auto found = table_.find(id);
      if (found != table_.end() && found->second.scope == depth) table_.erase(found);
    }
  }

  /** Takes a handle out of every scope. */
  void keep(uint64_t id) {
    auto found = table_.find(id);
    if (found == table_.end()) at(id);
    if (found->second.scope != 0) moveOut(id, found->second, 0);
  }

  size_t liveHandles() const { return table_.size(); }
  size_t scopeDepth() const { return scopes_.size(); }

 private:
  struct Entry {
    at::Tensor tensor;
    size_t scope = 0;      // depth of the owning scope, 0 = none
    int64_t accounted = 0; // bytes the JavaScript collector was told of
  };

  void moveOut(uint64_t id, Entry& entry, size_t depth) {
    entry.scope = depth;
    if (depth == 0) {
      account(entry);
    } else {
      scopes_[depth - 1].push_back(id);
    }
  }

  // Only handles that depend on the collector are made known to it.
  void account(Entry& entry) {
    if (!entry.tensor.defined() || !entry.tensor.device().is_cpu()) return;
    entry.accounted = static_cast<int64_t>(entry.tensor.nbytes());
    adjust(entry.accounted);
  }

  void adjust(int64_t change) {
    int64_t total;
    if (change != 0) napi_adjust_external_memory(env_, change, &total);
  }

  napi_env env_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, Entry> table_;
  std::vector<std::vector<uint64_t>> scopes_;
};

} // namespace renograde
