# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# cmake -D NATIVE=PROGRAM -D EMULATOR=PROGRAM -D FOREIGN=PROGRAM -P compare.cmake: both programs print the same.
execute_process(COMMAND "${NATIVE}" OUTPUT_VARIABLE native RESULT_VARIABLE native_status)
execute_process(COMMAND "${EMULATOR}" "${FOREIGN}" OUTPUT_VARIABLE foreign RESULT_VARIABLE foreign_status)
if(NOT native_status EQUAL 0 OR NOT foreign_status EQUAL 0 OR native STREQUAL "")
  message(FATAL_ERROR "ended with ${native_status} here and ${foreign_status} under the emulator")
endif()
if(NOT native STREQUAL foreign)
  message(FATAL_ERROR "not the same results; here:\n${native}\nunder the emulator:\n${foreign}")
endif()
message("${native}")
