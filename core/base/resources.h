// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

namespace intarsia {

// What comes with Intarsia: beside the installed program, or in the source tree. Throws Error{resource} when
// `name` is in neither.
std::filesystem::path resource(const std::filesystem::path& name);

} // namespace intarsia
