// SPDX-License-Identifier: GPL-3.0-or-later
// The model.safetensors of an artifact in the making: written out of order, with a journal of finished
// tensors beside it, so that an interrupted run can be taken up again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "core/artifact/layout.h"

namespace intarsia {

class PartialFile {
 public:
  // Creates the file at its full size (or, to resume, opens what an earlier run of the same layout left).
  // Throws Error{resource} when the disk cannot hold it.
  PartialFile(const std::filesystem::path& folder, const ArtifactLayout& layout, const std::string& identity,
              bool resume);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // True when an earlier run finished the tensor and its bytes still have the checksum written down then.
  bool finished(const std::string& name) const { return checksums_.contains(name); }
  double distortion(const std::string& layer) const; // noted by an earlier run; 0 when none

  // A tensor in parts: write them in order, then finish.
  void write(const std::string& name, std::span<const std::byte> bytes);
  void finish(const std::string& name);
  void note_distortion(const std::string& layer, double distortion);

  // Syncs everything to disk and removes the journal.
  void close();
  const std::map<std::string, std::uint32_t>& checksums() const { return checksums_; }

 private:
  void read_journal(const std::string& identity);
  void append_to_journal(const std::string& line);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

  std::filesystem::path path_, journal_path_;
  const ArtifactLayout& layout_;
  int file_ = -1, journal_ = -1;
  std::map<std::string, std::uint32_t> checksums_;
  std::map<std::string, double> distortions_;
  std::string current_;
  std::uint64_t position_ = 0;
  std::uint32_t running_ = 0; // checksum of what was written of the current tensor
};

// CRC-32 as zlib and Python's zlib.crc32 compute it.
std::uint32_t crc32_of(std::span<const std::byte> bytes, std::uint32_t start = 0);

} // namespace intarsia
