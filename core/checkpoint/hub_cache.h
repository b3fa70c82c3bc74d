// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Hugging Face's download cache: models--OWNER--NAME/{blobs,refs,snapshots/COMMIT}, where a snapshot's files
// are links into blobs (huggingface_hub, "Understand caching").
#pragma once

#include <filesystem>

namespace intarsia {

// The snapshot that a cached repository's folder stands for: the one that refs/main names, else the newest.
// `folder` itself when it is no such repository. Throws Error when it has no snapshot.
std::filesystem::path snapshot_of(const std::filesystem::path& folder);

// A snapshot's name for a blob, so that what belongs to it lies beside it; `file` itself for any other.
std::filesystem::path named_blob(const std::filesystem::path& file);

} // namespace intarsia
