// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The GGUF container, versions 2 and 3, little-endian (github.com/ggml-org/ggml, docs/gguf.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/tensor/dtype.h"

namespace intarsia {

// Integers of any width as int64 (u64 above 2^63-1 as double), floats as double; arrays hold one kind.
// monostate: an array of arrays, which is passed over.
using GgufValue = std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<std::string>, std::monostate>;

struct GgufTensor {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape; // row-major, outermost first (the file stores it the other way round)
  std::uint64_t begin = 0, end = 0; // bytes from the start of the file
  std::size_t file = 0;             // index of the part, in a model split in several files
};

class Gguf {
 public:
  // Throws Error{input|unsupported} naming `origin` and the field or tensor. Checks every count against the
  // bytes left before it allocates.
  Gguf(std::span<const std::byte> file, std::string origin);

  // Takes in the tensors of the next part of a model in several files. Throws naming a tensor that both have.
  void append(const Gguf& part);

  std::uint32_t version() const { return version_; }
  const std::string& origin() const { return origin_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; } // in order of the file
  // Tensors of a type that this program cannot decode, with the type's name: harmless unless they are needed.
  const std::map<std::string, std::string>& unread_tensors() const { return unread_; }
  std::size_t tensor_count() const { return tensors_.size() + unread_.size(); }

  bool has(const std::string& key) const { return values_.contains(key); }
  const GgufValue* find(const std::string& key) const; // nullptr when missing
  const GgufTensor* find_tensor(std::string_view name) const;
  // Typed access; throws naming the key when it is missing or of another kind. *_or: the fallback when
  // missing.
  const std::string& string(const std::string& key) const;
  std::uint64_t count(const std::string& key, std::uint64_t low, std::uint64_t high) const;
  double number(const std::string& key) const; // integers too
  bool boolean(const std::string& key) const;
  const std::vector<std::string>& strings(const std::string& key) const;
  const std::vector<std::int64_t>& integers(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;
  std::string string_or(const std::string& key, const std::string& fallback) const;
  std::uint64_t count_or(const std::string& key, std::uint64_t low, std::uint64_t high,
                         std::uint64_t fallback) const;
  double number_or(const std::string& key, double fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;

 private:
  const GgufValue& value(const std::string& key) const;
  template <typename T>
  const T& typed(const std::string& key, const char* kind) const;

  std::string origin_;
  std::uint32_t version_ = 0;
  std::map<std::string, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::string> unread_;
  std::size_t parts_ = 1;
};

} // namespace intarsia
