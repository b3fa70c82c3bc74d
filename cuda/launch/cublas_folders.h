// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Where cuBLAS may lie outside the loader's path. Plain C++.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace intarsia::cuda {

// Of the environment.
struct Surroundings {
  std::string path;                              // PATH
  std::string home;                              // HOME
  std::string virtual_environment, conda_prefix; // VIRTUAL_ENV, CONDA_PREFIX
};
Surroundings surroundings();

// The folders with NVIDIA's Python packages of every Python that the surroundings name (nvidia/cu13/lib,
// nvidia/cublas/lib): those that exist, the environment's own first. Behind them NVIDIA's installer's.
std::vector<std::filesystem::path> cublas_folders(const Surroundings& surroundings);

} // namespace intarsia::cuda
