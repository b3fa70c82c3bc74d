// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/device/latency_table.h"

#include <set>
#include <tuple>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::uint64_t max_dimension = std::uint64_t(1) << 32;

LatencyEntry parse_entry(const JsonObject& fields) {
  LatencyEntry entry{fields.count("in", 1, max_dimension),
                     fields.count("out", 1, max_dimension),
                     parse_quantizer_id(fields.string("quantizer")),
                     fields.string_or("kernel", "cuda-core"),
                     fields.number("seconds"),
                     fields.number_or("spread_seconds", 0)};
  if (entry.seconds <= 0) throw input_error(fields.origin() + ": field \"seconds\" must be larger than 0");
  return entry;
}

} // namespace

OrderedJson to_json(const LatencyTable& table) {
  OrderedJson entries = OrderedJson::array();
  for (const LatencyEntry& entry : table.entries) {
    entries.push_back({{"in", entry.d_in},
                       {"out", entry.d_out},
                       {"quantizer", to_string(entry.quantizer)},
                       {"kernel", entry.kernel},
                       {"seconds", entry.seconds}});
    if (entry.spread > 0) entries.back()["spread_seconds"] = entry.spread;
  }
  OrderedJson json{
      {"format", "intarsia-latency/1"},
      {"device",
       {{"name", table.device_name}, {"kind", table.device_kind}, {"memory_bytes", table.device_memory}}},
      {"model", table.model},
      {"batch", table.batch},
      {"constant_seconds", table.constant_seconds}};
  if (!table.estimated.empty()) json["estimated"] = table.estimated;
  json["entries"] = std::move(entries);
  return json;
}

LatencyTable parse_latency_table(const Json& json, const std::string& origin) {
  const JsonObject root(json, origin);
  if (const std::string format = root.string("format"); format != "intarsia-latency/1")
    throw input_error(origin + ": field \"format\" is \"" + format + "\", not \"intarsia-latency/1\"");
  LatencyTable table;
  const JsonObject device = root.object("device");
  table.device_name = device.string("name");
  table.device_kind = device.string("kind");
  table.device_memory = device.count_or("memory_bytes", 0, INT64_MAX, 0);
  table.model = root.string_or("model", "");
  table.batch = root.count_or("batch", 1, 1 << 16, 1);
  table.constant_seconds = root.number("constant_seconds");
  table.estimated = root.string_or("estimated", "");
  if (table.constant_seconds < 0)
    throw input_error(origin + ": field \"constant_seconds\" must not be negative");
  const Json& entries = root["entries"];
  if (!entries.is_array() || entries.empty())
    throw input_error(origin + ": field \"entries\" is not a list of measurements");
  std::set<std::tuple<std::size_t, std::size_t, QuantizerId, std::string>> seen;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string where = origin + ": entry " + std::to_string(i);
    try {
      table.entries.push_back(parse_entry(JsonObject(entries[i], where)));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::usage) throw input_error(where + ": " + error.what());
      throw;
    }
    const LatencyEntry& entry = table.entries.back();
    if (!seen.insert({entry.d_in, entry.d_out, entry.quantizer, entry.kernel}).second)
      throw input_error(where + ": repeats an earlier one (" + std::to_string(entry.d_in) + " x " +
                        std::to_string(entry.d_out) + ", " + to_string(entry.quantizer) + ", " +
                        entry.kernel + ")");
  }
  return table;
}

LatencyTable read_latency_table(const std::filesystem::path& path) {
  return parse_latency_table(read_json_file(path), path.string());
}

} // namespace intarsia
