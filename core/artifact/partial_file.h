// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The model.safetensors of an artifact in the making: written out of order, with a journal of finished
// tensors beside it, so that an interrupted run can be taken up again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifact/layout.h"
#include "core/base/crc32.h"

namespace intarsia {

class PartialFile {
 public:
  // Locks the folder for this run, then creates the file at its full size (or, to resume, opens what an
  // earlier run of the same identity and layout left). Anything else in the folder is removed on a fresh
  // start. Throws Error{resource} when another run holds the folder or the disk cannot hold the file.
  PartialFile(const std::filesystem::path& folder, const ArtifactLayout& layout, const std::string& identity,
              bool resume);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // True when an earlier run finished the tensor and its bytes still have the checksum written down then.
  bool finished(const std::string& name) const { return checksums_.contains(name); }
  bool has_distortion(const std::string& layer) const { return distortions_.contains(layer); }
  // As noted by this or an earlier run; 0 or nothing when none was.
  double distortion(const std::string& layer) const;
  std::optional<double> proxy_loss(const std::string& layer) const;

  // A tensor in parts: write them in order, then finish.
  void write(const std::string& name, std::span<const std::byte> bytes);
  void finish(const std::string& name);
  void note_distortion(const std::string& layer, double distortion, std::optional<double> proxy_loss);

  void sync(); // everything written is on the disk

  const std::map<std::string, std::uint32_t>& checksums() const { return checksums_; }

 private:
  void close();
  void start_afresh(const std::filesystem::path& folder, const std::string& identity);
  void read_journal(const std::string& identity);
  void take_over(std::string_view line, std::span<const std::byte> file);
  void append_to_journal(const std::string& line);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

  std::filesystem::path path_, journal_path_;
  const ArtifactLayout& layout_;
  int file_ = -1, journal_ = -1;
  std::map<std::string, std::uint32_t> checksums_;
  std::map<std::string, double> distortions_, proxy_losses_;
  std::string current_;
  std::uint64_t position_ = 0;
  std::uint32_t running_ = 0; // checksum of what was written of the current tensor
};

// The journal's name in the folder. It stays until the folder has its final name, so that a run killed at any
// moment can be resumed.
constexpr const char* journal_name = "journal";

// Throws Error{resource} when the disk that holds `folder` has fewer bytes free.
void require_space(const std::filesystem::path& folder, std::uint64_t bytes);

} // namespace intarsia
