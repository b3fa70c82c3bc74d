// SPDX-License-Identifier: GPL-3.0-or-later
// intarsia-worker: the one program that links CUDA. It reads requests as JSON lines on stdin,
// {"id":1,"do":"devices"}, and answers each on stdout with {"id":1,"result":{…}} or {"id":1,"error":"a
// sentence"}. It ends at end of input.
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "cuda/device_query.h"

namespace {

using nlohmann::json;

constexpr int bandwidth_megabytes = 256; // larger than any L2, small beside any card's memory

json devices() {
  const auto report = intarsia::cuda::query_devices();
  json list = json::array();
  for (const auto& device : report.devices)
    list.push_back(
        {{"id", "cuda:" + std::to_string(device.index)},
         {"name", device.name},
         {"memory_total", device.memory_total},
         {"memory_free", device.memory_free},
         {"capability",
          std::to_string(device.capability_major) + "." + std::to_string(device.capability_minor)},
         {"multiprocessors", device.multiprocessors},
         {"bandwidth", intarsia::cuda::measure_copy_bandwidth(device.index, bandwidth_megabytes)}});
  return {{"devices", list}, {"driver_version", report.driver_version}, {"problem", report.problem}};
}

json answer(const std::string& line) {
  json id = nullptr;
  try {
    const json request = json::parse(line);
    id = request.value("id", json(nullptr));
    const std::string verb = request.at("do").get<std::string>();
    if (verb == "devices") return {{"id", id}, {"result", devices()}};
    throw std::runtime_error("unknown request \"" + verb + "\": this worker knows: devices");
  } catch (const json::exception&) {
    return {{"id", id}, {"error", "not a request: each line is a JSON object with \"id\" and \"do\""}};
  } catch (const std::exception& error) {
    return {{"id", id}, {"error", error.what()}};
  }
}

} // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << answer(line).dump() << std::endl;
  return 0;
}
