// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "core/base/error.h"

namespace intarsia {
namespace {

constexpr std::string_view mark = ".new-",
                           random_part = "XXXXXX"; // of the temporary's name, behind the file's

[[noreturn]] void give_up(const std::filesystem::path& path, const std::string& temporary, int fd) {
  const int code = errno;
  if (fd >= 0) {
    ::close(fd);
    if (!temporary.empty()) ::unlink(temporary.c_str());
  }
  throw Error(ErrorKind::resource, path.string() + ": cannot be written: " + std::strerror(code));
}

void write_all(int fd, std::string_view content, const std::filesystem::path& path,
               const std::string& temporary) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) give_up(path, temporary, fd);
    content.remove_prefix(std::size_t(written));
  }
}

// A device or a pipe (/dev/stdout) cannot be replaced by a rename.
void write_straight(const std::filesystem::path& path, std::string_view content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) give_up(path, {}, fd);
  write_all(fd, content, path, {});
  ::close(fd);
}

} // namespace

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) return write_straight(path, content);
  std::string temporary = path.string() + std::string(mark) + std::string(random_part);
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) give_up(path, temporary, fd);
  write_all(fd, content, path, temporary);
  if (::fchmod(fd, 0644) != 0 || ::fsync(fd) != 0) give_up(path, temporary, fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up(path, temporary, fd);
  ::close(fd);
}

void remove_unfinished_writes(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto at = name.rfind(mark);
    if (at != std::string::npos && name.size() - at == mark.size() + random_part.size() &&
        entry.is_regular_file())
      found.push_back(entry.path());
  }
  for (const auto& path : found) std::filesystem::remove(path);
}

} // namespace intarsia
