// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace intarsia {

// A whole file mapped read-only. Throws Error{resource|input} naming the file when it cannot be opened or
// mapped. An empty file maps to an empty span. The size is taken at opening; a file that shrinks later raises
// SIGBUS, as with every mmap.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // A copy of `part` whose pages do not stay in memory beside it.
  std::vector<std::byte> take(std::span<const std::byte> part) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void unmap() noexcept;

  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Takes the pages of `part` of a mapped file out of memory; they are read again when touched.
void give_back_pages(std::span<const std::byte> part);

// Reads a whole small file. Throws Error naming the file when it is missing or larger than `limit` bytes.
std::string read_text_file(const std::filesystem::path& path, std::size_t limit = std::size_t(256) << 20);

// A text that a person names to measure or calibrate on. Throws Error for what is no text in UTF-8: UTF-16,
// or bytes that hold a 0. Single broken characters are left to the tokenizer.
std::string read_corpus(const std::filesystem::path& path);

} // namespace intarsia
