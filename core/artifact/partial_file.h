// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The model.safetensors of an artifact that is being written, tensor by tensor in any order, with a journal
// of finished tensors in the same folder, by which an interrupted run can be resumed.
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
  // Locks the folder, then creates the file at its full size, or with `resume` opens that of an earlier run
  // with the same `identity` (a text that identifies plan, model and options) and layout. Without one to
  // resume, everything else in the folder is removed. Throws Error{resource} when another process has locked
  // the folder or the disk is too full.
  PartialFile(const std::filesystem::path& folder, const ArtifactLayout& layout, const std::string& identity,
              bool resume);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // Whether the tensor is finished, by this run or by an earlier one whose bytes still have the journal's
  // checksum.
  bool finished(const std::string& name) const { return checksums_.contains(name); }
  bool has_distortion(const std::string& layer) const { return distortions_.contains(layer); }
  // As recorded by this or an earlier run; 0 or nullopt when none was recorded.
  double distortion(const std::string& layer) const;
  std::optional<double> proxy_loss(const std::string& layer) const;

  // Writes a tensor in consecutive parts; finish() adds it to the journal. One tensor at a time.
  void write(const std::string& name, std::span<const std::byte> bytes);
  void finish(const std::string& name);
  void note_distortion(const std::string& layer, double distortion, std::optional<double> proxy_loss);

  void sync(); // returns when everything written is on the disk

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
  std::uint32_t running_ = 0; // CRC-32 of the current tensor's bytes so far
};

// The journal's file name. It is removed after the folder was renamed to its final name, so that a run that
// is killed at any time can be resumed.
constexpr const char* journal_name = "journal";

// Throws Error{resource} when the disk that holds `folder` has fewer bytes free.
void require_space(const std::filesystem::path& folder, std::uint64_t bytes);

} // namespace intarsia
