# What an artefact promises, looked at by the build that made it, whoever runs that build:
#   cmake -DFILE=... -DOBJDUMP=... [-DMAP=...] [-DSTATIC=ON] -P check-artefact.cmake
# A module needs a glibc of at most 2.28, and exports what its MAP names and nothing else; a STATIC
# program needs no library. What breaks its promise is removed: there is nothing to install.
set(floor 2.28)
# libstdc++ of gcc 8, which systems with that glibc have.
set(floor_cxx 3.4.25)
# They are new symbols where glibc is 2.38 or later, also when this build host's glibc is older.
set(forbidden "(strto(l|ul|ll|ull|imax|umax|q|uq)|wcsto(l|ul|ll|ull|imax|umax)|v?[fs]?w?scanf)(_l)?")

function(broken reason)
  file(REMOVE "${FILE}")
  message(FATAL_ERROR "${FILE}: ${reason} (native/check-artefact.cmake)")
endfunction()

function(objdump option ret_output)
  execute_process(COMMAND "${OBJDUMP}" ${option} "${FILE}" OUTPUT_VARIABLE output RESULT_VARIABLE failed
    ERROR_VARIABLE error)
  if(failed)
    broken("${OBJDUMP} ${option}: ${error}")
  endif()
  set(${ret_output} "${output}" PARENT_SCOPE)
endfunction()

objdump(-p headers)
if(STATIC)
  if(headers MATCHES "NEEDED +([^\n]*)")
    broken("is to be static, and needs ${CMAKE_MATCH_1}")
  endif()
  return()
endif()

objdump(-T symbols)
if(NOT symbols MATCHES "GLIBC_")
  broken("has no symbol of glibc: ${OBJDUMP} reads it wrongly")
endif()
foreach(library "GLIBC;${floor}" "GLIBCXX;${floor_cxx}")
  list(GET library 0 name)
  list(GET library 1 newest)
  string(REGEX MATCHALL "[^\n]*[( ]${name}_[0-9.]+[^\n]*" lines "${symbols}")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "${name}_([0-9.]+)" version "${line}")
    if(CMAKE_MATCH_1 VERSION_GREATER newest)
      broken("needs ${version}, the floor is ${name}_${newest}: ${line}")
    endif()
  endforeach()
endforeach()
if(symbols MATCHES "\\*UND\\*[^\n]* (__isoc[0-9]+_)?(${forbidden})\n")
  broken("uses ${CMAKE_MATCH_2}(3), which glibc 2.38 and later give another name: use native/common/decimal.h")
endif()

if(MAP)
  string(REGEX MATCHALL "[^\n]*\n" lines "${symbols}")
  set(exported "")
  foreach(line IN LISTS lines)
    # "0000000000001234 g    DF .text  0000000000000056  Base        name"
    if(line MATCHES "^[0-9a-f]+ [gw]" AND NOT line MATCHES "\\*UND\\*" AND line MATCHES " ([^ \n]+)\n$")
      list(APPEND exported "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  file(READ "${MAP}" map)
  string(REGEX REPLACE "local:.*" "" map "${map}")
  string(REGEX MATCHALL "(_nss_iamlogin|pam_sm)_[a-z_]+" named "${map}")
  list(SORT exported)
  list(SORT named)
  if(NOT exported STREQUAL named)
    broken("exports ${exported}; ${MAP} names ${named}")
  endif()
endif()
