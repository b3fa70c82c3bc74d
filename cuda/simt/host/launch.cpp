// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/simt/host/launch.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>
#include <memory>

namespace intarsia::simt::host {
namespace {

const std::vector<Order>& orders() {
  using enum Order::Kind;
  static const std::vector<Order> all = {
      {forward, 0}, {reverse, 1}, {shuffled, 2}, {shuffled, 3}, {shuffled, 4}};
  return all;
}

using Bytes = std::vector<std::byte>;

std::vector<Bytes> contents(const Outputs& outputs) {
  std::vector<Bytes> result;
  for (const Output& output : outputs) result.emplace_back(output.bytes.begin(), output.bytes.end());
  return result;
}

} // namespace

void run_checked(const Launch& launch, const Outputs& outputs) {
  const std::vector<Bytes> before = contents(outputs);
  std::vector<Bytes> expected;
  for (const Order& order : orders()) {
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].poisoned)
        Poison::number(order.number).fill(outputs[i].bytes);
      else
        std::copy(before[i].begin(), before[i].end(), outputs[i].bytes.begin());
    run(launch, order);
    const std::vector<Bytes> after = contents(outputs);
    if (expected.empty()) expected = after;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto differs = std::mismatch(after[i].begin(), after[i].end(), expected[i].begin()).first;
      if (differs != after[i].end())
        throw Violation("kernel " + launch.kernel + ": byte " + std::to_string(differs - after[i].begin()) +
                        " of output " + std::to_string(i) + " is another under the orders " +
                        orders().front().name() + " and " + order.name() +
                        ": a race, or memory that was never written");
    }
  }
}

std::string kernel_name(const void* kernel) {
  Dl_info info{};
  if (!dladdr(kernel, &info) || !info.dli_sname) return "without a name";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? demangled.get() : info.dli_sname;
  name = name.substr(0, name.find('('));
  if (const auto space = name.find(' '); space != std::string::npos && space < name.find('<'))
    name = name.substr(space + 1); // a template's name begins with its result type
  return name;
}

} // namespace intarsia::simt::host
