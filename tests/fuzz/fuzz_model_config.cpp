// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// config.json: what is accepted must survive being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/error.h"
#include "core/model/layer_graph.h"
#include "core/model/model_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace intarsia;
  ModelConfig config;
  try {
    config = parse_model_config(
        parse_json(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz"), "fuzz");
  } catch (const Error&) {
    return 0;
  }
  const OrderedJson written = to_json(config);
  if (to_json(parse_model_config(Json(written), "written")) != written) std::abort();
  if (config.blocks <= 8) fusion_groups(build_layer_graph(config));
  return 0;
}
