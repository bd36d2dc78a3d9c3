# Precompiled headers: parsing MLIR's headers is most of the time of a compile, and Abseil's half of it.
# Only headers of packages are precompiled, never ours: a change to ours must cost only who includes them.
# clang alone: g++'s are hundreds of megabytes each. -fno-pch-timestamp makes them depend on contents, so
# that the compiler cache serves every clone.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(HYDRA_PRECOMPILE OFF)
else()
  option(HYDRA_PRECOMPILE "Precompile the headers of packages" ON)
endif()

# hydra_precompiled_headers(NAME HEADERS...): a target whose precompiled headers others use.
function(hydra_precompiled_headers name)
  if(NOT HYDRA_PRECOMPILE)
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/${name}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "// The headers are all there is.\n")
  add_library(${name} OBJECT ${source})
  target_precompile_headers(${name} PRIVATE ${ARGN})
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  if(name STREQUAL hydra_compiler_headers)
    hydra_mlir_headers(${name})
  endif()
endfunction()

# hydra_use_precompiled_headers(TARGET NAME)
function(hydra_use_precompiled_headers target name)
  if(HYDRA_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${name})
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

hydra_precompiled_headers(hydra_runtime_headers
  <algorithm> <functional> <memory> <optional> <string> <utility> <vector>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_join.h> <absl/types/span.h>)
if(HYDRA_BUILD_TESTS)
hydra_precompiled_headers(hydra_test_headers
  <algorithm> <filesystem> <fstream> <functional> <memory> <optional> <string> <utility> <vector>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/types/span.h>
  <gmock/gmock.h> <gtest/gtest.h>)
endif()
if(HYDRA_BUILD_COMPILER)
  include(HydraMLIR)
hydra_precompiled_headers(hydra_compiler_headers
  <mlir/Dialect/Func/IR/FuncOps.h> <mlir/IR/BuiltinOps.h> <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h> <mlir/Interfaces/ControlFlowInterfaces.h> <mlir/Pass/PassManager.h>
  <llvm/ADT/StringExtras.h> <llvm/ADT/TypeSwitch.h>)
endif()
