// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Runs the engine's vector code as a lesser machine would.
#pragma once

#include <hwy/highway.h>
#include <vector>

namespace intarsia::test {

// Limits Highway's dispatch to one instruction set while it lives.
class InstructionSet {
 public:
  explicit InstructionSet(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ~InstructionSet() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  InstructionSet(const InstructionSet&) = delete;
  InstructionSet& operator=(const InstructionSet&) = delete;
};

// Those that this machine can run and this build has code for.
inline std::vector<std::int64_t> instruction_sets() {
  const std::int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  std::vector<std::int64_t> targets;
  for (std::int64_t bit = 1; bit > 0 && bit <= supported; bit <<= 1)
    if (supported & bit) targets.push_back(bit);
  return targets;
}

} // namespace intarsia::test
