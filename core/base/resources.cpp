// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/resources.h"

#include "core/base/error.h"

namespace intarsia {

namespace fs = std::filesystem;

fs::path resource(const fs::path& name) {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  for (const fs::path& folder :
       {program.parent_path() / "../share/intarsia", fs::path(INTARSIA_SOURCE_RESOURCES)})
    if (fs::exists(folder / name)) return (folder / name).lexically_normal();
  throw Error(ErrorKind::resource, "\"" + name.string() + "\" is not installed: reinstall Intarsia");
}

} // namespace intarsia
