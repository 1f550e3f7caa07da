// SPDX-License-Identifier: Apache-2.0
// FunctionRef: a call target that is borrowed for the length of one call, without allocation.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace bookwheel {

template <typename Signature>
class FunctionRef;

/// Refers to any callable without owning it: for parameters only, the callable must outlive it.
template <typename Result, typename... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
             std::is_invocable_r_v<Result, F&, Args...>)
  FunctionRef(F&& callable) noexcept  // implicit, so that a lambda can be passed as it is
      : m_object(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        m_call([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  Result operator()(Args... args) const { return m_call(m_object, std::forward<Args>(args)...); }

 private:
  void* m_object;
  Result (*m_call)(void*, Args...);
};

}  // namespace bookwheel
