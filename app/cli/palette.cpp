// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include <fmt/format.h>

#include "app/cli/session.h"
#include "app/cli/verbs.h"
#include "core/palette/quantizer.h"

namespace intarsia::cli {

Verb palette_verb() {
  VerbSpec spec{"palette",
                "",
                "lists every quantizer with its distortion and the gap to the Gaussian bound",
                {{"--measure", "N", "measure the distortions afresh on N Gaussian weights"},
                 {"--seed", "N", "seed of the measurement (default 1)"}}};
  return {spec, [](const Options& options) {
            const auto samples = options.count_or("--measure", 1, 1'000'000'000, 0);
            const auto seed = options.count_or("--seed", 0, INT64_MAX, 1);
            const JobControl control = make_control("measuring");
            OrderedJson list = OrderedJson::array();
            if (!options.json())
              fmt::print("{:<10} {:>6} {:>12} {:>12} {:>8}\n", "quantizer", "bits", "distortion", "bound",
                         "gap");
            for (const Quantizer* member : palette()) {
              const double distortion =
                  samples ? measure_distortion(*member, samples, seed, control) : member->distortion();
              const double bound = distortion_bound(member->bits()), gap = gap_db(distortion, member->bits());
              end_progress();
              if (!options.json())
                fmt::print("{:<10} {:>6g} {:>12.4g} {:>12.4g} {:>5.2f} dB\n", to_string(member->id()),
                           member->bits(), distortion, bound, gap);
              list.push_back({{"id", to_string(member->id())},
                              {"bits", member->bits()},
                              {"distortion", distortion},
                              {"bound", bound},
                              {"gap_db", gap}});
            }
            if (options.json()) print_json({{"quantizers", list}});
          }};
}

} // namespace intarsia::cli
