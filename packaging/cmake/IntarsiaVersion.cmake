# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# INTARSIA_VERSION: that of the last release's tag (v0.1.0), or the project's where there is none or no repository.
set(INTARSIA_VERSION "${PROJECT_VERSION}")
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS "${CMAKE_SOURCE_DIR}/.git")
  execute_process(COMMAND "${GIT_EXECUTABLE}" describe --tags --abbrev=0 --match "v[0-9]*.[0-9]*.[0-9]*"
                  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE described ERROR_QUIET
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(described MATCHES "^v([0-9]+[.][0-9]+[.][0-9]+)$")
    set(INTARSIA_VERSION "${CMAKE_MATCH_1}")
  endif()
endif()
