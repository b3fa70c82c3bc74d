// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/checkpoint/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "core/base/checked.h"
#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::uint32_t magic = 0x46554747; // "GGUF"
constexpr std::uint64_t longest_name = 65535, longest_string = std::uint64_t(64) << 20;
constexpr std::uint32_t most_dimensions = 4;

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

std::int64_t read_integer(Reader& reader, std::uint32_t type, const std::string& key) {
  switch (type) {
  case u8:
    return reader.number<std::uint8_t>();
  case i8:
    return reader.number<std::int8_t>();
  case u16:
    return reader.number<std::uint16_t>();
  case i16:
    return reader.number<std::int16_t>();
  case u32:
    return reader.number<std::uint32_t>();
  case i32:
    return reader.number<std::int32_t>();
  case i64:
    return reader.number<std::int64_t>();
  default:
    break;
  }
  const auto value = reader.number<std::uint64_t>();
  if (value > std::uint64_t(INT64_MAX)) bad_key(reader, key, "is too large a number");
  return std::int64_t(value);
}

double read_float(Reader& reader, std::uint32_t type) {
  return type == f32 ? double(reader.number<float>()) : reader.number<double>();
}

GgufValue read_array(Reader& reader, const std::string& key) {
  const auto type = reader.number<std::uint32_t>();
  const auto count = reader.number<std::uint64_t>();
  if (type >= type_count) bad_key(reader, key, "is an array of unknown type " + std::to_string(type));
  if (type == array) bad_key(reader, key, "is an array of arrays, which no model needs");
  if (count > reader.left() / value_bytes[type])
    bad_key(reader, key, "claims " + std::to_string(count) + " entries, more than the file holds");
  if (type == string) {
    std::vector<std::string> values(count);
    for (auto& value : values) value = reader.text(longest_string);
    return values;
  }
  if (type == f32 || type == f64) {
    std::vector<double> values(count);
    for (auto& value : values) value = read_float(reader, type);
    return values;
  }
  std::vector<std::int64_t> values(count);
  for (auto& value : values)
    value = type == boolean ? reader.number<std::uint8_t>() : read_integer(reader, type, key);
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
    return reader.text(longest_string);
  case array:
    return read_array(reader, key);
  default:
    break;
  }
  if (type >= type_count) bad_key(reader, key, "has unknown type " + std::to_string(type));
  return read_integer(reader, type, key);
}

std::optional<DType> dtype_of(std::uint32_t ggml_type) {
  switch (ggml_type) { // enum ggml_type
  case 0:
    return DType::f32;
  case 1:
    return DType::f16;
  case 2:
    return DType::q4_0;
  case 3:
    return DType::q4_1;
  case 6:
    return DType::q5_0;
  case 7:
    return DType::q5_1;
  case 8:
    return DType::q8_0;
  case 10:
    return DType::q2_k;
  case 11:
    return DType::q3_k;
  case 12:
    return DType::q4_k;
  case 13:
    return DType::q5_k;
  case 14:
    return DType::q6_k;
  case 24:
    return DType::i8;
  case 25:
    return DType::i16;
  case 26:
    return DType::i32;
  case 27:
    return DType::i64;
  case 28:
    return DType::f64;
  case 30:
    return DType::bf16;
  default:
    return std::nullopt;
  }
}

struct RawTensor {
  GgufTensor tensor;
  std::uint64_t offset = 0, bytes = 0; // offset from the start of the data
};

RawTensor read_tensor(Reader& reader) {
  RawTensor raw;
  raw.tensor.name = reader.text(longest_name);
  const std::string where = reader.origin() + ": tensor \"" + raw.tensor.name + "\"";
  const auto dimensions = reader.number<std::uint32_t>();
  if (dimensions == 0 || dimensions > most_dimensions)
    throw input_error(where + ": has " + std::to_string(dimensions) + " dimensions, not 1 to 4");
  std::optional<std::uint64_t> elements = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    raw.tensor.shape.push_back(reader.number<std::uint64_t>());
    elements = elements ? checked_multiply(*elements, raw.tensor.shape.back()) : std::nullopt;
  }
  std::reverse(raw.tensor.shape.begin(), raw.tensor.shape.end());
  const auto type = reader.number<std::uint32_t>();
  const auto dtype = dtype_of(type);
  if (!dtype)
    throw Error(ErrorKind::unsupported,
                where + ": has ggml type " + std::to_string(type) +
                    "; supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q2_K to Q6_K");
  raw.tensor.dtype = *dtype;
  const auto bytes = elements ? storage_bytes(*dtype, *elements) : std::nullopt;
  if (!bytes || raw.tensor.shape.back() % block_elements(*dtype) != 0)
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

} // namespace

Gguf::Gguf(std::span<const std::byte> file, std::string origin)
    : origin_(std::move(origin)) {
  static_assert(std::endian::native == std::endian::little);
  Reader reader(file, origin_);
  if (reader.number<std::uint32_t>() != magic) throw input_error(origin_ + ": is no GGUF file");
  version_ = reader.number<std::uint32_t>();
  if (version_ != 2 && version_ != 3)
    throw Error(ErrorKind::unsupported, origin_ + ": is GGUF version " + std::to_string(version_) +
                                            "; versions 2 and 3 are supported");
  const auto tensor_count = reader.number<std::uint64_t>(), key_count = reader.number<std::uint64_t>();
  constexpr std::uint64_t least_key_bytes = 13, least_tensor_bytes = 32;
  if (key_count > reader.left() / least_key_bytes || tensor_count > reader.left() / least_tensor_bytes)
    throw input_error(origin_ + ": claims " + std::to_string(tensor_count) + " tensors and " +
                      std::to_string(key_count) + " metadata keys, more than the file holds");
  for (std::uint64_t i = 0; i < key_count; ++i) {
    const std::string key = reader.text(longest_name);
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
    place_tensor(tensor, data_start, file.size(), alignment, origin_);
    tensors_.push_back(std::move(tensor.tensor));
  }
  refuse_overlaps(tensors_, origin_);
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
bool Gguf::boolean(const std::string& key) const { return typed<bool>(key, "truth value"); }
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

double Gguf::number(const std::string& key) const {
  if (const auto* integer = std::get_if<std::int64_t>(&value(key))) return double(*integer);
  const double number = typed<double>(key, "number");
  if (!std::isfinite(number)) throw input_error(origin_ + ": metadata \"" + key + "\" is not finite");
  return number;
}

std::string Gguf::string_or(const std::string& key, const std::string& fallback) const {
  return has(key) ? string(key) : fallback;
}
std::uint64_t Gguf::count_or(const std::string& key, std::uint64_t low, std::uint64_t high,
                             std::uint64_t fallback) const {
  return has(key) ? count(key, low, high) : fallback;
}
double Gguf::number_or(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}
bool Gguf::boolean_or(const std::string& key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

} // namespace intarsia
