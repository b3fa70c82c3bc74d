// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// A whole GGUF checkpoint: opened through a file in memory, every tensor and the tokenizer read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/checkpoint/mapped_checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("fuzz.gguf", MFD_CLOEXEC);
  if (file < 0 || write(file, data, size) != ssize_t(size)) std::abort();
  try {
    const auto checkpoint = intarsia::open_gguf_file("/proc/self/fd/" + std::to_string(file));
    checkpoint->tokenizer();
    for (const auto& tensor : checkpoint->tensors()) try {
        checkpoint->read(tensor.name);
      } catch (const intarsia::Error&) {
      }
  } catch (const intarsia::Error&) {
  }
  close(file);
  return 0;
}
