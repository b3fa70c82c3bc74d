// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/foreign_content.h"
#include "core/checkpoint/ggml_type.h"

namespace intarsia {
namespace {

constexpr std::uint32_t magic = 0x46554747; // "GGUF"
constexpr std::uint64_t max_name_bytes = 65535, max_string_bytes = std::uint64_t(64) << 20;
constexpr std::uint32_t max_dimensions = 4;
constexpr int max_array_depth = 8;

// Value types of the format, by number.
enum ValueType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
  type_count
};

constexpr std::uint64_t value_bytes[type_count] = {1, 1, 2, 2, 4, 4, 4, 1, 8 /* its length */, 12, 8, 8, 8};

class Reader {
 public:
  Reader(std::span<const std::byte> file, const std::string& origin)
      : file_(file)
      , origin_(origin) {}

  template <typename T>
  T number() {
    need(sizeof(T));
    T value;
    std::memcpy(&value, file_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::string text(std::uint64_t longest) {
    const auto length = number<std::uint64_t>();
    if (length > longest)
      throw input_error(origin_ + ": a string at byte " + std::to_string(position_) + " claims a length of " +
                        std::to_string(length) + "; the file is damaged");
    need(length);
    std::string value(reinterpret_cast<const char*>(file_.data()) + position_, length);
    position_ += length;
    return value;
  }

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return file_.size() - position_; }
  const std::string& origin() const { return origin_; }

 private:
  void need(std::uint64_t bytes) const {
    if (bytes > left())
      throw input_error(origin_ + ": ends at byte " + std::to_string(file_.size()) +
                        " in the middle of its header; the file is truncated, download it again");
  }

  std::span<const std::byte> file_;
  const std::string& origin_;
  std::uint64_t position_ = 0;
};

[[noreturn]] void bad_key(const Reader& reader, const std::string& key, const std::string& what) {
  throw input_error(reader.origin() + ": metadata \"" + key + "\" " + what);
}

GgufValue read_integer(Reader& reader, std::uint32_t type) {
  switch (type) {
  case u8:
    return std::int64_t(reader.number<std::uint8_t>());
  case i8:
    return std::int64_t(reader.number<std::int8_t>());
  case u16:
    return std::int64_t(reader.number<std::uint16_t>());
  case i16:
    return std::int64_t(reader.number<std::int16_t>());
  case u32:
    return std::int64_t(reader.number<std::uint32_t>());
  case i32:
    return std::int64_t(reader.number<std::int32_t>());
  case i64:
    return reader.number<std::int64_t>();
  default:
    break;
  }
  const auto value = reader.number<std::uint64_t>();
  if (value > std::uint64_t(INT64_MAX)) return double(value);
  return std::int64_t(value);
}

double read_float(Reader& reader, std::uint32_t type) {
  return type == f32 ? double(reader.number<float>()) : reader.number<double>();
}

GgufValue read_array(Reader& reader, const std::string& key, int depth = 0) {
  const auto type = reader.number<std::uint32_t>();
  const auto count = reader.number<std::uint64_t>();
  if (type >= type_count) bad_key(reader, key, "is an array of unknown type " + std::to_string(type));
  if (count > reader.left() / value_bytes[type])
    bad_key(reader, key, "claims " + std::to_string(count) + " entries, more than the file holds");
  if (type == array) { // no model needs it
    if (depth == max_array_depth) bad_key(reader, key, "is an array of arrays that is nested too deep");
    for (std::uint64_t i = 0; i < count; ++i) read_array(reader, key, depth + 1);
    return std::monostate();
  }
  if (type == string) {
    std::vector<std::string> values(count);
    for (auto& value : values) value = reader.text(max_string_bytes);
    return values;
  }
  if (type == f32 || type == f64) {
    std::vector<double> values(count);
    for (auto& value : values) value = read_float(reader, type);
    return values;
  }
  std::vector<std::int64_t> values(count);
  for (auto& value : values) {
    const GgufValue read = read_integer(reader, type == boolean ? u8 : type);
    const auto* integer = std::get_if<std::int64_t>(&read);
    value = integer ? *integer : INT64_MAX;
  }
  return values;
}

GgufValue read_value(Reader& reader, const std::string& key) {
  const auto type = reader.number<std::uint32_t>();
  switch (type) {
  case f32:
  case f64:
    return read_float(reader, type);
  case boolean:
    return reader.number<std::uint8_t>() != 0;
  case string:
    return reader.text(max_string_bytes);
  case array:
    return read_array(reader, key);
  default:
    break;
  }
  if (type >= type_count)
    bad_key(reader, key,
            "has unknown type " + std::to_string(type) +
                "; the file is damaged, or of a newer version of the format than this program knows");
  return read_integer(reader, type);
}

struct RawTensor {
  GgufTensor tensor;
  std::uint64_t offset = 0, bytes = 0; // offset from the start of the data
  std::string unread_type;             // of a type that this program cannot decode: its name
};

RawTensor read_tensor(Reader& reader) {
  RawTensor raw;
  raw.tensor.name = reader.text(max_name_bytes);
  const std::string where = reader.origin() + ": tensor \"" + raw.tensor.name + "\"";
  const auto dimensions = reader.number<std::uint32_t>();
  if (dimensions == 0 || dimensions > max_dimensions)
    throw input_error(where + ": has " + std::to_string(dimensions) + " dimensions, not 1 to 4");
  std::optional<std::uint64_t> elements = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    raw.tensor.shape.push_back(reader.number<std::uint64_t>());
    elements = elements ? checked_multiply(*elements, raw.tensor.shape.back()) : std::nullopt;
  }
  std::reverse(raw.tensor.shape.begin(), raw.tensor.shape.end());
  const auto number = reader.number<std::uint32_t>();
  const auto type = ggml_type(number);
  if (!type || !type->dtype) {
    raw.unread_type =
        "ggml type " + std::to_string(number) + (type ? " (" + std::string(type->name) + ")" : "");
    reader.number<std::uint64_t>();
    return raw;
  }
  raw.tensor.dtype = *type->dtype;
  const auto bytes = elements ? storage_bytes(*type->dtype, *elements) : std::nullopt;
  if (!bytes || raw.tensor.shape.back() % block_elements(*type->dtype) != 0)
    throw input_error(where + ": its shape does not fit its type");
  raw.bytes = *bytes;
  raw.offset = reader.number<std::uint64_t>();
  return raw;
}

void place_tensor(RawTensor& raw, std::uint64_t data_start, std::uint64_t file_size, std::uint64_t alignment,
                  const std::string& origin) {
  const std::string where = origin + ": tensor \"" + raw.tensor.name + "\"";
  if (raw.offset % alignment != 0) throw input_error(where + ": its offset is not aligned");
  const auto begin = checked_add(data_start, raw.offset);
  const auto end = begin ? checked_add(*begin, raw.bytes) : std::nullopt;
  if (!end || *end > file_size)
    throw input_error(where + ": lies beyond the end of the file; it is truncated, download it again");
  raw.tensor.begin = *begin;
  raw.tensor.end = *end;
}

void refuse_overlaps(std::vector<GgufTensor> tensors, const std::string& origin) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < tensors.size(); ++i)
    if (tensors[i].begin < tensors[i - 1].end)
      throw input_error(origin + ": tensors \"" + tensors[i - 1].name + "\" and \"" + tensors[i].name +
                        "\" overlap");
}

void check_magic(std::span<const std::byte> file, const std::string& origin) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()),
                              std::min<std::size_t>(file.size(), 1024));
  if (text.starts_with("GGUF") || (!text.empty() && std::string_view("GGUF").starts_with(text))) return;
  const std::string content = foreign_content(text);
  throw input_error(origin + ": " + (content.empty() ? "is no GGUF file" : content));
}

void check_version(std::uint32_t version, const std::string& origin) {
  if (version == 2 || version == 3) return;
  if (version != 0 && version % 65536 == 0)
    throw Error(ErrorKind::unsupported,
                origin +
                    ": is a big-endian GGUF, made for other processors; download the little-endian one, or "
                    "convert it with gguf-convert-endian of the Python package gguf");
  throw Error(ErrorKind::unsupported, origin + ": is GGUF version " + std::to_string(version) +
                                          "; versions 2 and 3 are supported" +
                                          (version == 1 ? ", convert the original model again" : ""));
}

} // namespace

Gguf::Gguf(std::span<const std::byte> file, std::string origin)
    : origin_(std::move(origin)) {
  static_assert(std::endian::native == std::endian::little);
  Reader reader(file, origin_);
  check_magic(file, origin_);
  reader.number<std::uint32_t>();
  version_ = reader.number<std::uint32_t>();
  check_version(version_, origin_);
  const auto tensor_count = reader.number<std::uint64_t>(), key_count = reader.number<std::uint64_t>();
  constexpr std::uint64_t min_key_bytes = 13, min_tensor_bytes = 32;
  if (key_count > reader.left() / min_key_bytes || tensor_count > reader.left() / min_tensor_bytes)
    throw input_error(origin_ + ": claims " + std::to_string(tensor_count) + " tensors and " +
                      std::to_string(key_count) + " metadata keys, more than the file holds");
  for (std::uint64_t i = 0; i < key_count; ++i) {
    const std::string key = reader.text(max_name_bytes);
    if (!values_.emplace(key, read_value(reader, key)).second) bad_key(reader, key, "appears twice");
  }
  std::vector<RawTensor> raw(tensor_count);
  std::set<std::string> names;
  for (RawTensor& tensor : raw) {
    tensor = read_tensor(reader);
    if (!names.insert(tensor.tensor.name).second)
      throw input_error(origin_ + ": tensor \"" + tensor.tensor.name + "\" appears twice");
  }
  const std::uint64_t alignment = count_or("general.alignment", 1, 1u << 20, 32);
  if (!std::has_single_bit(alignment)) bad_key(reader, "general.alignment", "is no power of two");
  const std::uint64_t data_start = (reader.position() + alignment - 1) / alignment * alignment;
  for (RawTensor& tensor : raw) {
    if (!tensor.unread_type.empty()) {
      unread_[tensor.tensor.name] = tensor.unread_type;
      continue;
    }
    place_tensor(tensor, data_start, file.size(), alignment, origin_);
    tensors_.push_back(std::move(tensor.tensor));
  }
  refuse_overlaps(tensors_, origin_);
}

void Gguf::append(const Gguf& part) {
  std::set<std::string_view> names;
  for (const GgufTensor& tensor : tensors_) names.insert(tensor.name);
  const std::size_t before = tensors_.size();
  tensors_.reserve(before + part.tensors_.size()); // the names must stay where they are
  for (const GgufTensor& tensor : part.tensors_) {
    if (names.contains(tensor.name))
      throw input_error(part.origin_ + ": tensor \"" + tensor.name +
                        "\" is in another part of the model too");
    tensors_.push_back(tensor);
    tensors_.back().file = parts_;
  }
  unread_.insert(part.unread_.begin(), part.unread_.end());
  ++parts_;
}

const GgufValue* Gguf::find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

const GgufTensor* Gguf::find_tensor(std::string_view name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const GgufTensor& tensor) { return tensor.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

const GgufValue& Gguf::value(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw input_error(origin_ + ": metadata \"" + key + "\" is missing");
  return found->second;
}

template <typename T>
const T& Gguf::typed(const std::string& key, const char* kind) const {
  const T* held = std::get_if<T>(&value(key));
  if (!held) throw input_error(origin_ + ": metadata \"" + key + "\" is no " + kind);
  return *held;
}

const std::string& Gguf::string(const std::string& key) const { return typed<std::string>(key, "string"); }
const std::vector<std::string>& Gguf::strings(const std::string& key) const {
  return typed<std::vector<std::string>>(key, "list of strings");
}
const std::vector<std::int64_t>& Gguf::integers(const std::string& key) const {
  return typed<std::vector<std::int64_t>>(key, "list of integers");
}
const std::vector<double>& Gguf::numbers(const std::string& key) const {
  return typed<std::vector<double>>(key, "list of numbers");
}

std::uint64_t Gguf::count(const std::string& key, std::uint64_t low, std::uint64_t high) const {
  const auto number = typed<std::int64_t>(key, "integer");
  if (number < 0 || std::uint64_t(number) < low || std::uint64_t(number) > high)
    throw input_error(origin_ + ": metadata \"" + key + "\" is " + std::to_string(number) + ", not between " +
                      std::to_string(low) + " and " + std::to_string(high));
  return std::uint64_t(number);
}

std::string Gguf::string_or(const std::string& key, const std::string& fallback) const {
  return has(key) ? string(key) : fallback;
}
std::uint64_t Gguf::count_or(const std::string& key, std::uint64_t low, std::uint64_t high,
                             std::uint64_t fallback) const {
  return has(key) ? count(key, low, high) : fallback;
}
double Gguf::number_or(const std::string& key, double fallback) const {
  if (!has(key)) return fallback;
  if (const auto* integer = std::get_if<std::int64_t>(&value(key))) return double(*integer);
  const double number = typed<double>(key, "number");
  if (!std::isfinite(number)) throw input_error(origin_ + ": metadata \"" + key + "\" is not finite");
  return number;
}
bool Gguf::boolean_or(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (const auto* integer = std::get_if<std::int64_t>(&value(key)))
    return *integer != 0; // as some writers store it
  return typed<bool>(key, "truth value");
}

} // namespace intarsia
