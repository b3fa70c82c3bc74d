# One interface target carries the compile options of every target of ours.
add_library(intarsia_options INTERFACE)
target_include_directories(intarsia_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(intarsia_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-qual -Wold-style-cast>)
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
