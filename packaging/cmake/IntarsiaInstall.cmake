# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
include(GNUInstallDirs)
install(TARGETS intarsia intarsia-worker RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(INTARSIA_HAVE_STUDIO)
  install(TARGETS intarsia-studio RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY resources/ DESTINATION ${CMAKE_INSTALL_DATADIR}/intarsia
        PATTERN "*.py" EXCLUDE PATTERN "__pycache__" EXCLUDE)
