// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/foreign_content.h"
#include "core/base/json.h"

namespace intarsia {
namespace {

constexpr std::uint64_t max_header_bytes = 100'000'000; // the reference implementation's own limit
constexpr std::size_t max_dimensions = 8;

constexpr std::array<DType, 16> container_types{
    DType::f64,     DType::f32,     DType::f16,     DType::bf16,   DType::i8,  DType::i16,
    DType::i32,     DType::i64,     DType::u8,      DType::u16,    DType::u32, DType::u64,
    DType::boolean, DType::f8_e4m3, DType::f8_e5m2, DType::f8_e8m0};

// Tables of rotations, which nobody reads, are complex numbers in some files: as large as U64, and as little
// a weight.
DType parse_dtype(const std::string& text, const std::string& name, const std::string& where) {
  if (text == "C64" && (name.ends_with(".weight") || name.ends_with(".bias")))
    throw input_error(where + " has type C64 (complex numbers), which holds no weights");
  if (text == "C64") return DType::u64;
  for (const DType dtype : container_types)
    if (dtype_name(dtype) == text) return dtype;
  throw Error(ErrorKind::unsupported, where + ": type \"" + text + "\" is not supported");
}

std::vector<std::uint64_t> parse_counts(const Json& json, const std::string& where, std::size_t most) {
  if (!json.is_array() || json.size() > most)
    throw input_error(where + " is no list of up to " + std::to_string(most) + " numbers");
  std::vector<std::uint64_t> counts;
  for (const Json& value : json) {
    if (!value.is_number_unsigned()) throw input_error(where + " holds something that is no count");
    counts.push_back(value.get<std::uint64_t>());
  }
  return counts;
}

SafetensorsEntry parse_entry(const std::string& name, const Json& json, std::uint64_t data_start,
                             std::uint64_t data_bytes, const std::string& origin) {
  const std::string where = origin + ": tensor \"" + name + "\"";
  const JsonObject fields(json, where);
  SafetensorsEntry entry{name, parse_dtype(fields.string("dtype"), name, where),
                         parse_counts(fields["shape"], where + ": field \"shape\"", max_dimensions), 0, 0};
  const auto offsets = parse_counts(fields["data_offsets"], where + ": field \"data_offsets\"", 2);
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_bytes)
    throw input_error(where + ": data_offsets lie outside the file's " + std::to_string(data_bytes) +
                      " bytes of data; the file is truncated or damaged, download it again");
  std::optional<std::uint64_t> elements = 1;
  for (const std::uint64_t extent : entry.shape)
    elements = elements ? checked_multiply(*elements, extent) : std::nullopt;
  const auto bytes = elements ? storage_bytes(entry.dtype, *elements) : std::nullopt;
  if (!bytes || *bytes != offsets[1] - offsets[0])
    throw input_error(where + ": its shape and type do not match its " +
                      std::to_string(offsets[1] - offsets[0]) + " bytes");
  entry.begin = data_start + offsets[0];
  entry.end = data_start + offsets[1];
  return entry;
}

// Only what is text is kept: nothing that the model is computed with stands there.
void read_metadata(const Json& json, std::map<std::string, std::string>& metadata) {
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items())
    if (value.is_string()) metadata[key] = value.get<std::string>();
}

void refuse_overlaps_and_holes(const std::vector<SafetensorsEntry>& sorted, std::uint64_t data_start,
                               std::uint64_t file_size, const std::string& origin) {
  std::uint64_t position = data_start;
  for (const auto& entry : sorted) {
    if (entry.begin != position)
      throw input_error(origin + ": tensor \"" + entry.name + "\" " +
                        (entry.begin < position ? "overlaps the one before it" : "leaves a hole before it"));
    position = entry.end;
  }
  if (position != file_size)
    throw input_error(origin + ": " + std::to_string(file_size - position) +
                      " bytes at the end belong to no tensor");
}

} // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> file, const std::string& origin) {
  std::uint64_t length = 0;
  if (file.size() < 8)
    throw input_error(origin +
                      ": is too short for a safetensors file; the download was not finished, download it "
                      "again");
  const std::string_view start(reinterpret_cast<const char*>(file.data()),
                               std::min<std::size_t>(file.size(), 1024));
  std::memcpy(&length, file.data(), 8);
  if (length > max_header_bytes || length > file.size() - 8) {
    if (const std::string content = foreign_content(start); !content.empty())
      throw input_error(origin + ": " + content);
    throw input_error(origin + ": header length " + std::to_string(length) +
                      " does not fit the file; it is no safetensors file or it is truncated");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, length);
  const Json json = parse_json(text, origin + ": header");
  const JsonObject object(json, origin + ": header");

  SafetensorsHeader header;
  const std::uint64_t data_start = 8 + length;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__")
      read_metadata(value, header.metadata);
    else
      header.tensors.push_back(parse_entry(name, value, data_start, file.size() - data_start, origin));
  }
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  refuse_overlaps_and_holes(header.tensors, data_start, file.size(), origin);
  return header;
}

std::string safetensors_dtype_name(DType dtype) { return std::string(dtype_name(dtype)); }

} // namespace intarsia
