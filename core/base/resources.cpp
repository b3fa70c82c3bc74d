// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "core/base/resources.h"

#include "core/base/error.h"

namespace intarsia {

namespace fs = std::filesystem;

fs::path resource(const fs::path& name) {
  std::error_code code;
  const fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
  // Installed or packed: bin/ beside share/. In the build tree, whose share/intarsia is a link to resources/:
  // tests/ beside share/, or one folder further down.
  for (const char* way : {"../share/intarsia", "../../share/intarsia"})
    if (fs::exists(folder / way / name, code)) return (folder / way / name).lexically_normal();
  throw Error(ErrorKind::resource, "\"" + name.string() + "\" is not installed in " +
                                       (folder / "../share/intarsia").lexically_normal().string() +
                                       ": reinstall Intarsia");
}

} // namespace intarsia
