#!/usr/bin/env bash
# Sets up, builds and runs every test through CTest. INTARSIA_PRESET picks another preset than "release".
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${INTARSIA_PRESET:-release}

packaging/setup.sh
cmake --preset "$preset"
cmake --build --preset "$preset"
# One test at a time: several use every core themselves.
ctest --preset "$preset" --output-on-failure --no-tests=error
