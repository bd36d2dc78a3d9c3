# Helpers that declare targets. All headers are included from the source root,
# generated ones from the mirrored path in the build tree.

# hydra_runtime_library(NAME SOURCES... [DEPS ...]): no MLIR, no exceptions across interfaces.
function(hydra_runtime_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  hydra_use_precompiled_headers(${name} hydra_runtime_headers)
endfunction()

# hydra_compiler_library(NAME SOURCES... [DEPS ...] [TABLEGEN targets ...] [HEADERS NAME]): links the MLIR dylib.
# HEADERS names its precompiled headers (HydraPrecompiledHeaders.cmake).
function(hydra_compiler_library name)
  cmake_parse_arguments(ARG "" "HEADERS" "SOURCES;DEPS;TABLEGEN" ${ARGN})
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS hydra_compiler_headers)
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  hydra_compiler_target(${name})
  hydra_use_precompiled_headers(${name} ${ARG_HEADERS})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} MLIR LLVM)
  if(ARG_TABLEGEN)
    add_dependencies(${name} ${ARG_TABLEGEN})
  endif()
endfunction()

# Include paths and flags for a target that includes MLIR headers.
function(hydra_compiler_target name)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  hydra_mlir_headers(${name})
endfunction()

# hydra_test(NAME SOURCES... [DEPS ...] [LABELS ...] [SHARDS N] [ENVIRONMENT ...]): one GoogleTest binary, one ctest entry, or
# N entries NAME.0 ... that share its tests, so that a long binary keeps all processors busy to the end.
# TIMEOUT is for what hangs: a test must pass on a machine that is slow or has other work.
function(hydra_test name)
  cmake_parse_arguments(ARG "COMPILER" "TIMEOUT;SHARDS" "SOURCES;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(ARG_COMPILER)
    hydra_compiler_target(${name})
    hydra_use_precompiled_headers(${name} hydra_compiler_test_headers)
  else()
    hydra_use_precompiled_headers(${name} hydra_test_headers)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${HYDRA_TEST_OPTIONS})
  # The paths of tests/base/test_paths.h: not on compile lines, which worktrees share by the cache.
  set(environment HYDRA_SOURCE_DIR=${CMAKE_SOURCE_DIR} HYDRA_BINARY_DIR=${CMAKE_BINARY_DIR})
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  math(EXPR last "${ARG_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    set(shard_environment)
    if(ARG_SHARDS GREATER 1)
      set(test ${name}.${shard})
      set(shard_environment GTEST_TOTAL_SHARDS=${ARG_SHARDS} GTEST_SHARD_INDEX=${shard})
    endif()
    add_test(NAME ${test} COMMAND ${name})
    set_tests_properties(${test} PROPERTIES
      LABELS "${ARG_LABELS}" ENVIRONMENT "${environment};${shard_environment};${ARG_ENVIRONMENT}")
    if(ARG_TIMEOUT)
      set_tests_properties(${test} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
    endif()
  endforeach()
endfunction()

# hydra_lit_suite(NAME [DEPENDS ...] [LABELS ...]): the lit tests (*.mlir) of the current folder, one ctest entry.
# Tests may call hydra-opt, hydra-run, FileCheck and not; settings shared by all suites: tests/lit.cfg.py.
function(hydra_lit_suite name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LABELS" ${ARGN})
  find_program(HYDRA_LIT NAMES lit-22 lit llvm-lit HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
  find_program(HYDRA_FILECHECK NAMES FileCheck-22 FileCheck HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
  get_filename_component(HYDRA_FILECHECK_DIR ${HYDRA_FILECHECK} REALPATH)
  get_filename_component(HYDRA_FILECHECK_DIR ${HYDRA_FILECHECK_DIR} DIRECTORY)
  set(HYDRA_LIT_SUITE_NAME ${name})
  configure_file(${CMAKE_SOURCE_DIR}/tests/lit.site.cfg.py.in
                 ${CMAKE_CURRENT_BINARY_DIR}/lit.site.cfg.py @ONLY)
  add_custom_target(${name} ALL DEPENDS ${ARG_DEPENDS})
  add_test(NAME ${name} COMMAND ${HYDRA_LIT} --succinct --verbose ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
endfunction()

# hydra_fuzz_program(FORMAT [SOURCES ...] [DEPS ...] [COMPILER]): FORMAT_fuzz.cc (or SOURCES) and libFuzzer's main as
# fuzz/FORMAT_fuzz, if HYDRA_FUZZ is on. The same entries run on the kept corpus and on mutations of it in every build.
function(hydra_fuzz_program format)
  if(NOT HYDRA_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "COMPILER" "" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_SOURCES)
    set(ARG_SOURCES ${format}_fuzz.cc)
  endif()
  set(program ${format}_fuzz)
  add_executable(${program} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/io/fuzz_main.cc)
  if(ARG_COMPILER)
    hydra_compiler_target(${program})
  endif()
  target_link_libraries(${program} PRIVATE ${ARG_DEPS})
  target_compile_definitions(${program} PRIVATE HYDRA_FUZZ_ENTRY=Fuzz_${format})
  target_compile_options(${program} PRIVATE -fsanitize=fuzzer)
  target_link_options(${program} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(hydra_fuzz_programs ${program})
endfunction()
