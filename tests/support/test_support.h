// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What every test may use: folders, temporary files, and running the command line.
#pragma once

#include <QString>
#include <QStringList>
#include <QTemporaryDir>
#include <QtTest>
#include <filesystem>
#include <string>
#include <vector>

#include "core/text/tokenizer.h"

namespace intarsia::test {

// tests/, resources/ of the source tree; the shared folder beside the project (INTARSIA_SHARED_DIR
// overrides).
std::filesystem::path tests_folder();
std::filesystem::path resources_folder();
std::filesystem::path shared_folder();

struct CliResult {
  int exit_code = -1; // -1: crashed or did not start
  std::string out, err;
};
// Runs the `intarsia` of this build with the arguments.
CliResult run_cli(const QStringList& arguments, int timeout_ms = 300000);

// Checks a tokenizer against llama.cpp's test files `prefix`.inp (texts behind marker lines) and `prefix`.out
// (ids, a text a line), both ways.
void compare_with_llama_cpp(const Tokenizer& tokenizer, const std::filesystem::path& prefix);

std::vector<float> gaussian(std::size_t size, std::uint64_t seed); // unit variance

void write_file(const std::filesystem::path& path, const std::string& content);

// The sentence of the Error that `body` throws; empty when it throws none.
template <typename Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

} // namespace intarsia::test

// Skips the test by name when the shared folder lacks `relative`.
#define INTARSIA_NEED_SHARED(relative)                                                                       \
  do {                                                                                                       \
    if (!std::filesystem::exists(intarsia::test::shared_folder() / (relative)))                              \
      QSKIP("shared/" relative " is not there");                                                             \
  } while (false)
