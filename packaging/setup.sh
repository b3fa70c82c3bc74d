#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Installs every package that building and testing Intarsia needs, on Debian 12 and Ubuntu 24.04.
#   packaging/setup.sh              everything: command line, studio, tests
#   packaging/setup.sh --no-studio  the engine and the command line only, without Qt
# Asks for root only when something is missing. The CUDA Toolkit is used when nvcc is there; it is not installed here.
set -euo pipefail

engine=(g++ cmake ninja-build pkg-config git ca-certificates
        nlohmann-json3-dev libglpk-dev libtbb-dev libhwy-dev libeigen3-dev libpcre2-dev libutf8proc-dev libfmt-dev zlib1g-dev
        libcpp-httplib-dev
        g++-aarch64-linux-gnu qemu-user) # the last two: NEON code, in tests/cross
studio=(qt6-base-dev libqt6opengl6-dev libgl-dev libqcustomplot-dev
        qt6-qpa-plugins fonts-dejavu-core)

wanted=("${engine[@]}" "${studio[@]}")
case "${1:-}" in
  "") ;;
  --no-studio) wanted=("${engine[@]}") ;;
  *) echo "usage: packaging/setup.sh [--no-studio]" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian or Ubuntu system; install the equivalents of: ${wanted[*]}" >&2
  exit 1
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#wanted[@]} packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
