// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/mapped_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"

namespace intarsia {
namespace {

Error open_error(const std::filesystem::path& path, int code) {
  std::error_code none;
  if (code == ENOENT && std::filesystem::is_symlink(std::filesystem::symlink_status(path, none)))
    return Error(ErrorKind::resource, path.string() + ": is a link to a file that is not there; the download "
                                                      "was not finished, download it again");
  return Error(ErrorKind::resource, path.string() + ": cannot be read: " + std::strerror(code));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) { // a pipe must not block
    if (fd_ < 0) throw open_error(path, errno);
  }
  ~FileDescriptor() { ::close(fd_); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::size_t regular_file_size(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw open_error(path, errno);
  if (!S_ISREG(info.st_mode)) throw input_error(path.string() + ": is not a regular file");
  return std::size_t(info.st_size);
}

} // namespace

MappedFile::MappedFile(const std::filesystem::path& path)
    : path_(path) {
  const FileDescriptor file(path);
  size_ = regular_file_size(file, path);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) throw open_error(path, errno);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() { unmap(); }

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_))
    , data_(std::exchange(other.data_, nullptr))
    , size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    unmap();
    path_ = std::move(other.path_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void MappedFile::unmap() noexcept {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
  data_ = nullptr;
}

std::vector<std::byte> MappedFile::take(std::span<const std::byte> part) const {
  constexpr std::size_t piece = std::size_t(4) << 20;
  constexpr std::size_t around = std::size_t(64) << 10; // Linux maps the neighbours of a touched page too
  std::vector<std::byte> copy;
  copy.reserve(part.size());
  for (std::size_t done = 0; done < part.size(); done += piece) {
    const auto bytes = part.subspan(done, std::min(piece, part.size() - done));
    copy.insert(copy.end(), bytes.begin(), bytes.end());
    const std::size_t offset = std::size_t(bytes.data() - data_), first = offset / around * around;
    const std::size_t last = std::min(size_, (offset + bytes.size() + around - 1) / around * around);
    ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED); // read again when touched
  }
  return copy;
}

void give_back_pages(std::span<const std::byte> part) {
  const auto page = std::uintptr_t(::sysconf(_SC_PAGESIZE)),
             begin = std::uintptr_t(part.data()) / page * page;
  const std::uintptr_t end = (std::uintptr_t(part.data()) + part.size() + page - 1) / page * page;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::string read_text_file(const std::filesystem::path& path, std::size_t limit) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > limit)
    throw input_error(path.string() + ": is " + std::to_string(bytes.size()) + " bytes, more than the " +
                      std::to_string(limit) + " that such a file can have");
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string read_corpus(const std::filesystem::path& path) {
  std::string text = read_text_file(path);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    throw input_error(path.string() + ": is UTF-16 text; save it as UTF-8");
  if (const auto zero = text.find('\0'); zero != std::string::npos)
    throw input_error(path.string() + ": is no text, its byte " + std::to_string(zero) +
                      " is 0; name a text in UTF-8");
  return text;
}

} // namespace intarsia
