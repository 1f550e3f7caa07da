# SPDX-License-Identifier: Apache-2.0
# Checks that a unit compiled for one instruction set gives its table of operations to the linker and nothing else.
# A weak symbol (an inline function or a template of a shared header) could be taken for all units and then run on
# machines that lack the instructions.
# usage: cmake -DNM=<nm> -DOBJECTS=<object files> -P isolation.cmake
set(checked 0)
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "kernels_(portable|avx2|avx512)\\.cpp")
    continue()
  endif()
  math(EXPR checked "${checked} + 1")
  execute_process(COMMAND "${NM}" --defined-only --extern-only "${object}"
                  OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${NM} could not read ${object}.")
  endif()
  string(STRIP "${symbols}" symbols)
  string(REPLACE "\n" ";" symbols "${symbols}")
  foreach(symbol IN LISTS symbols)
    if(NOT symbol MATCHES " [DRB] _ZN9bookwheel7kernels[0-9]+k[A-Za-z0-9]+KernelsE$")
      message(SEND_ERROR "${object} exports more than its table: ${symbol}")
    endif()
  endforeach()
endforeach()
if(checked EQUAL 0)
  message(FATAL_ERROR "None of the object files is a kernel unit.")
endif()
message(STATUS "${checked} units export their tables alone")
