#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Sets up, builds the release and opens the studio on the built-in model. Without a display, or without Qt, it runs
# `intarsia demo` instead: the same main job without a window.
#   packaging/launch.sh [MODEL]
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

"$here/packaging/setup.sh"
(cd "$here" && cmake --preset release && cmake --build --preset release --target programs)

build="$here/build/release"
studio="$build/app/studio/intarsia-studio"
if [ ! -x "$studio" ]; then
  echo "launch: the studio was not built because Qt 6 or QCustomPlot is missing; running the demo instead"
elif [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  echo "launch: no display was found (DISPLAY and WAYLAND_DISPLAY are unset); running the demo instead of the studio"
else
  exec "$studio" "${1:-$here/resources/demo-model}"
fi
exec "$build/app/cli/intarsia" demo
