// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#pragma once

#include "core/text/chat_format.h"

namespace intarsia {

// Messages in a generic format. Tools, documents and arguments are not part of it; a message of role "tool"
// is shown as the user's.
RenderedChat render_generic_chat(GenericChat format, const ChatRequest& request);

} // namespace intarsia
