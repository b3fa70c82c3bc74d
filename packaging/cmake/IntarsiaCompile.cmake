# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# One interface target carries the compile options of every target of ours.
add_library(intarsia_options INTERFACE)
target_include_directories(intarsia_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(intarsia_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wold-style-cast>)
# GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(intarsia_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  if(INTARSIA_PCH) # and, in a precompiled <string>, overflows
    target_compile_options(intarsia_options INTERFACE
      "$<$<COMPILE_LANGUAGE:CXX>:-Wno-stringop-overflow;-Wno-array-bounds>")
  endif()
endif()
if(INTARSIA_WERROR)
  target_compile_options(intarsia_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
# Results are the same on every machine: contraction into FMA happens only where a kernel asks for it.
target_compile_options(intarsia_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
if(INTARSIA_SANITIZE)
  target_compile_options(intarsia_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined>)
  target_link_options(intarsia_options INTERFACE -fsanitize=address,undefined)
endif()
if(INTARSIA_FUZZ)
  target_compile_options(intarsia_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>)
  target_link_options(intarsia_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
