// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// cuBLAS behind dlopen: the library is some hundred megabytes, and all else runs without it.
#include <cublas_v2.h>
#include <dlfcn.h>
#include <stdexcept>
#include <string>

#include "cuda/launch/cublas_folders.h"
#include "cuda/launch/linears.h"

namespace intarsia::cuda {
namespace {

void check_blas(cublasStatus_t status, const char* doing) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error(std::string("cuBLAS failed while ") + doing + " (status " +
                           std::to_string(int(status)) + ")");
}

// In C++ the header gives the name to two functions; the library has this one.
using GemmEx = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int,
                                  const void*, const void*, cudaDataType, int, const void*, cudaDataType, int,
                                  const void*, void*, cudaDataType, int, cublasComputeType_t,
                                  cublasGemmAlgo_t);

// The one it was built with, then its neighbours: what is called here is the same in them. It stays loaded:
// CUDA's libraries leave threads and code registered with the driver.
void* open_cublas_in(const std::filesystem::path& folder) {
  const auto open = [&](const std::string& name) {
    return dlopen((folder / name).c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  };
  for (const int version : {CUBLAS_VER_MAJOR, 13, 12}) {
    // libcublas needs its neighbour, which the loader finds by name once it is loaded.
    if (!folder.empty()) open("libcublasLt.so." + std::to_string(version));
    if (void* found = open("libcublas.so." + std::to_string(version))) return found;
  }
  return nullptr;
}

void* open_cublas() {
  if (void* found = open_cublas_in({})) return found; // the loader's own path
  for (const std::filesystem::path& folder : cublas_folders(surroundings()))
    if (void* found = open_cublas_in(folder)) return found;
  throw std::runtime_error("cuBLAS (libcublas.so." + std::to_string(CUBLAS_VER_MAJOR) +
                           ") cannot be loaded: install it (pip install nvidia-cublas), or add its folder to "
                           "LD_LIBRARY_PATH");
}

} // namespace

struct Gemm::Library {
  void* library = nullptr;
  cublasHandle_t handle = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  decltype(&cublasSetWorkspace_v2) set_workspace = nullptr;
  GemmEx multiply = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;

  template <typename Function>
  void find(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (!function) throw std::runtime_error(std::string("the cuBLAS library found has no ") + name);
  }
};

Gemm::Gemm(void* workspace, std::size_t workspace_bytes)
    : library_(std::make_unique<Library>()) {
  library_->library = open_cublas();
  decltype(&cublasCreate_v2) create = nullptr;
  library_->find(create, "cublasCreate_v2");
  library_->find(library_->destroy, "cublasDestroy_v2");
  library_->find(library_->set_stream, "cublasSetStream_v2");
  library_->find(library_->set_workspace, "cublasSetWorkspace_v2");
  library_->find(library_->multiply, "cublasGemmEx");
  library_->workspace = workspace;
  library_->workspace_bytes = workspace_bytes;
  check_blas(create(&library_->handle), "starting");
}

Gemm::~Gemm() {
  if (library_->handle) library_->destroy(library_->handle);
}

void Gemm::begin(cudaStream_t stream) const {
  check_blas(library_->set_stream(library_->handle, stream), "changing to a stream");
  if (library_->workspace) // a change of stream takes it away
    check_blas(library_->set_workspace(library_->handle, library_->workspace, library_->workspace_bytes),
               "taking its workspace");
}

void Gemm::multiply(const Half* w, std::size_t w_stride, int rows, const Half* x, std::size_t x_stride,
                    int tokens, int d_in, float* y, std::size_t y_stride, cudaStream_t stream) const {
  if (rows == 0 || tokens == 0) return;
  begin(stream);
  // cuBLAS counts by columns: y^T [rows, tokens] = (w^T)^T x^T.
  const float one = 1, zero = 0;
  check_blas(library_->multiply(library_->handle, CUBLAS_OP_T, CUBLAS_OP_N, rows, tokens, d_in, &one, w,
                                CUDA_R_16F, int(w_stride), x, CUDA_R_16F, int(x_stride), &zero, y, CUDA_R_32F,
                                int(y_stride), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
             "multiplying matrices");
}

void Gemm::multiply_dense(const float* w, int rows, int columns, const float* x, int tokens, float* y,
                          cudaStream_t stream) const {
  begin(stream);
  const float one = 1, zero = 0;
  check_blas(library_->multiply(library_->handle, CUBLAS_OP_T, CUBLAS_OP_N, rows, tokens, columns, &one, w,
                                CUDA_R_32F, columns, x, CUDA_R_32F, columns, &zero, y, CUDA_R_32F, rows,
                                CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
             "multiplying matrices");
}

void Gemm::add_dense_transposed(const float* w, int rows, int columns, const float* y, int tokens, float* x,
                                bool add, cudaStream_t stream) const {
  begin(stream);
  const float one = 1, keep = add ? 1.f : 0.f;
  // x^T [columns, tokens] = w^T y^T, and w's rows are w^T's columns.
  check_blas(library_->multiply(library_->handle, CUBLAS_OP_N, CUBLAS_OP_N, columns, tokens, rows, &one, w,
                                CUDA_R_32F, columns, y, CUDA_R_32F, rows, &keep, x, CUDA_R_32F, columns,
                                CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
             "multiplying matrices");
}

} // namespace intarsia::cuda
