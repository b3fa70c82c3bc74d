#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Sets up, builds and runs every test through CTest. INTARSIA_PRESET picks another preset than "release".
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${INTARSIA_PRESET:-release}

packaging/setup.sh
cmake --preset "$preset"
cmake --build --preset "$preset"
# Two at a time, but for those that start programs or measure time (RUN_SERIAL in tests/CMakeLists.txt).
ctest --preset "$preset" --output-on-failure --no-tests=error --parallel 2
