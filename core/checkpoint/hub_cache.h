// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Hugging Face's download cache: models--OWNER--NAME/{blobs,refs,snapshots/COMMIT}, where a snapshot's files
// are links into blobs (huggingface_hub, "Understand caching").
#pragma once

#include <filesystem>

namespace intarsia {

// The snapshot in the folder of a cached repository: the one that refs/main names, else the newest. `folder`
// itself when it is not such a repository. Throws Error{input} when the repository has no snapshot.
std::filesystem::path snapshot_of(const std::filesystem::path& folder);

// The path in a snapshot that links to a blob, beside which the model's other files are; `file` itself when
// it is not a blob.
std::filesystem::path named_blob(const std::filesystem::path& file);

} // namespace intarsia
