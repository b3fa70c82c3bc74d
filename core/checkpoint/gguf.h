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
// monostate: an array of arrays, whose content is not read.
using GgufValue = std::variant<std::int64_t, double, bool, std::string, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<std::string>, std::monostate>;

struct GgufTensor {
  std::string name;
  DType dtype;
  std::vector<std::uint64_t> shape; // row-major, outermost first (the reverse of the file's order)
  std::uint64_t begin = 0, end = 0; // bytes from the start of the file
  std::size_t file = 0;             // index of the file, for a model split into several (gguf_parts.h)
};

class Gguf {
 public:
  // Parses header, metadata and tensor table of a whole file in memory; values are copied. `origin`: the
  // file's name for errors. Throws Error{input|unsupported} naming the field or tensor. Every count is
  // checked against the bytes left before memory is allocated for it.
  Gguf(std::span<const std::byte> file, std::string origin);

  // Adds the tensors of the next part of a model in several files. Throws Error{input} naming a tensor that
  // both have.
  void append(const Gguf& part);

  std::uint32_t version() const { return version_; }
  const std::string& origin() const { return origin_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; } // in order of the file
  // Tensors of a type that cannot be decoded here, and the name of the type: an error only where one is
  // needed.
  const std::map<std::string, std::string>& unread_tensors() const { return unread_; }
  std::size_t tensor_count() const { return tensors_.size() + unread_.size(); }

  bool has(const std::string& key) const { return values_.contains(key); }
  const GgufValue* find(const std::string& key) const; // nullptr when missing
  const GgufTensor* find_tensor(std::string_view name) const;
  // Typed access to metadata. Throws Error{input} naming the key when it is missing, of another type, or a
  // count outside [low, high]. *_or: `fallback` when it is missing.
  const std::string& string(const std::string& key) const;
  std::uint64_t count(const std::string& key, std::uint64_t low, std::uint64_t high) const;
  const std::vector<std::string>& strings(const std::string& key) const;
  const std::vector<std::int64_t>& integers(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;
  std::string string_or(const std::string& key, const std::string& fallback) const;
  std::uint64_t count_or(const std::string& key, std::uint64_t low, std::uint64_t high,
                         std::uint64_t fallback) const;
  double number_or(const std::string& key, double fallback) const; // integers too
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
