// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/artifact/partial_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/format_bytes.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"

namespace intarsia {
namespace {

[[noreturn]] void cannot_write(const std::filesystem::path& path, int code) {
  throw Error(ErrorKind::resource, path.string() + ": cannot be written: " + std::strerror(code));
}

int open_for_writing(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0) cannot_write(path, errno);
  return fd;
}

} // namespace

void require_space(const std::filesystem::path& folder, std::uint64_t bytes) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return;
  const std::uint64_t free = std::uint64_t(info.f_bavail) * info.f_frsize;
  if (free < bytes)
    throw Error(ErrorKind::resource, folder.string() + ": needs " + format_bytes(bytes) +
                                         ", but the disk has only " + format_bytes(free) + " free");
}

PartialFile::PartialFile(const std::filesystem::path& folder, const ArtifactLayout& layout,
                         const std::string& identity, bool resume)
    : path_(folder / "model.safetensors")
    , journal_path_(folder / journal_name)
    , layout_(layout) {
  journal_ = open_for_writing(journal_path_, O_APPEND);
  try {
    if (::flock(journal_, LOCK_EX | LOCK_NB) != 0)
      throw Error(ErrorKind::resource,
                  folder.string() + ": another run is writing there; wait for it to end");
    file_ = open_for_writing(path_, 0);
    if (resume) read_journal(identity);
    if (checksums_.empty())
      start_afresh(folder, identity);
    else
      append_to_journal(""); // ends a line that the interruption may have torn
  } catch (...) {
    close();
    throw;
  }
}

PartialFile::~PartialFile() { close(); }

void PartialFile::close() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  if (journal_ >= 0) ::close(std::exchange(journal_, -1));
}

void PartialFile::start_afresh(const std::filesystem::path& folder, const std::string& identity) {
  distortions_.clear();
  proxy_losses_.clear();
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path() != path_ && entry.path() != journal_path_) std::filesystem::remove_all(entry.path());
  if (::ftruncate(journal_, 0) != 0) cannot_write(journal_path_, errno);
  if (::ftruncate(file_, 0) != 0) cannot_write(path_, errno);
  require_space(folder, layout_.file_bytes);
  append_to_journal(OrderedJson{{"identity", identity}}.dump());
  if (::ftruncate(file_, off_t(layout_.file_bytes)) != 0) cannot_write(path_, errno);
  write_at(0, std::as_bytes(std::span(layout_.header)));
}

// Lines of an interrupted run. A torn line, and tensors whose bytes are not what they were, are simply done
// again.
void PartialFile::read_journal(const std::string& identity) {
  const std::string text = read_text_file(journal_path_);
  const MappedFile mapped(path_);
  if (mapped.bytes().size() != layout_.file_bytes) return;
  if (std::memcmp(mapped.bytes().data(), layout_.header.data(), layout_.header.size()) != 0) return;
  std::size_t end = text.find('\n');
  if (text.substr(0, end) != OrderedJson{{"identity", identity}}.dump()) return; // another run's
  for (std::size_t start = end; start != std::string::npos; start = end) {
    end = text.find('\n', start + 1);
    if (end != std::string::npos)
      take_over(std::string_view(text).substr(start + 1, end - start - 1), mapped.bytes());
  }
}

void PartialFile::take_over(std::string_view text, std::span<const std::byte> file) {
  try {
    const Json line = Json::parse(text);
    if (line.contains("layer")) {
      const auto layer = line.at("layer").get<std::string>();
      distortions_[layer] = line.at("distortion").get<double>();
      if (line.contains("proxy_loss")) proxy_losses_[layer] = line.at("proxy_loss").get<double>();
    } else {
      const ArtifactTensor& tensor = layout_.find(line.at("tensor").get<std::string>());
      const auto checksum = line.at("crc32").get<std::uint32_t>();
      if (crc32_of(file.subspan(tensor.offset, tensor.bytes)) == checksum) checksums_[tensor.name] = checksum;
    }
  } catch (const Json::exception&) { // torn
  } catch (const Error&) {           // damaged: no such tensor
  }
}

double PartialFile::distortion(const std::string& layer) const {
  const auto found = distortions_.find(layer);
  return found == distortions_.end() ? 0 : found->second;
}

void PartialFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), off_t(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_write(path_, errno);
    bytes = bytes.subspan(std::size_t(written));
    offset += std::uint64_t(written);
  }
}

void PartialFile::write(const std::string& name, std::span<const std::byte> bytes) {
  const ArtifactTensor& tensor = layout_.find(name);
  if (current_ != name) {
    current_ = name;
    position_ = 0;
    running_ = 0;
  }
  if (bytes.size() > tensor.bytes - position_)
    throw Error(ErrorKind::internal, "more bytes than planned for tensor \"" + name + "\"");
  write_at(tensor.offset + position_, bytes);
  running_ = crc32_of(bytes, running_);
  position_ += bytes.size();
}

void PartialFile::finish(const std::string& name) {
  if (current_ != name || position_ != layout_.find(name).bytes)
    throw Error(ErrorKind::internal, "fewer bytes than planned for tensor \"" + name + "\"");
  checksums_[name] = running_;
  append_to_journal(OrderedJson{{"tensor", name}, {"crc32", running_}}.dump());
  current_.clear();
}

std::optional<double> PartialFile::proxy_loss(const std::string& layer) const {
  const auto found = proxy_losses_.find(layer);
  if (found == proxy_losses_.end()) return {};
  return found->second;
}

void PartialFile::note_distortion(const std::string& layer, double distortion,
                                  std::optional<double> proxy_loss) {
  OrderedJson line{{"layer", layer}, {"distortion", distortion}};
  distortions_[layer] = distortion;
  if (proxy_loss) line["proxy_loss"] = proxy_losses_[layer] = *proxy_loss;
  append_to_journal(line.dump());
}

void PartialFile::append_to_journal(const std::string& text) {
  const std::string line = text + "\n";
  const ssize_t written = ::write(journal_, line.data(), line.size());
  if (written != ssize_t(line.size())) cannot_write(journal_path_, written < 0 ? errno : ENOSPC);
}

void PartialFile::sync() {
  if (::fsync(file_) != 0) cannot_write(path_, errno);
}

} // namespace intarsia
