# Precompiled headers: parsing MLIR's headers is most of the time of a compile, and Abseil's half of it.
# Only headers of packages are precompiled, never ours: a change to ours must cost only who includes them.
#
# CMake's own command names absolute paths of the build on every compile line and in the precompiled file,
# so that no two clones could share the compiler cache. Here a package's header is the source, what comes
# before it is included by option, and time stamps are left out: the result depends on the packages alone.
# Templates that the headers use are instantiated there once, not at the end of every source: half of what
# was left of a compile.
# clang only: g++'s precompiled headers are hundreds of megabytes each.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  option(HYDRA_PRECOMPILE "Precompile the headers of packages" ON)
else()
  set(HYDRA_PRECOMPILE OFF)
endif()

# hydra_precompiled_headers(NAME LAST FIRST... [OPTIONS ...]): the headers FIRST..., by their names in an
# #include, then the file LAST, precompiled with the options of this directory and OPTIONS for the targets
# that hydra_use_precompiled_headers names.
function(hydra_precompiled_headers name last)
  if(NOT HYDRA_PRECOMPILE)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "OPTIONS" ${ARGN})
  list(TRANSFORM ARG_UNPARSED_ARGUMENTS PREPEND "-include;" OUTPUT_VARIABLE includes)
  string(TOUPPER ${CMAKE_BUILD_TYPE} type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  get_directory_property(options COMPILE_OPTIONS)
  set(output ${CMAKE_BINARY_DIR}/${name}.pch)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CMAKE_CXX_COMPILER} ${flags} ${options} -std=c++20
            ${ARG_OPTIONS} -Xclang -fno-pch-timestamp -Xclang -fpch-instantiate-templates ${includes}
            -x c++-header -o ${name}.pch -c ${last}
    DEPENDS ${last}
    COMMENT "Precompiling ${name}")
  add_custom_target(${name} DEPENDS ${output})
endfunction()

# hydra_use_precompiled_headers(TARGET NAME)
function(hydra_use_precompiled_headers target name)
  if(NOT HYDRA_PRECOMPILE)
    return()
  endif()
  target_compile_options(${target} PRIVATE
    "SHELL:-Xclang -fno-pch-timestamp"
    "SHELL:-Xclang -include-pch -Xclang ${CMAKE_BINARY_DIR}/${name}.pch")
  add_dependencies(${target} ${name})
endfunction()

find_path(absl_root absl/types/span.h REQUIRED)
hydra_precompiled_headers(hydra_runtime_headers ${absl_root}/absl/types/span.h
  algorithm array chrono filesystem functional map memory optional set string system_error thread utility variant
  vector absl/container/flat_hash_map.h absl/status/statusor.h absl/strings/match.h absl/strings/str_cat.h
  absl/strings/str_format.h absl/strings/str_join.h absl/strings/str_replace.h absl/strings/str_split.h)
if(HYDRA_BUILD_TESTS)
  find_path(gtest_root gtest/gtest.h REQUIRED)
  hydra_precompiled_headers(hydra_test_headers ${gtest_root}/gtest/gtest.h
    algorithm filesystem fstream functional map memory optional string thread utility variant vector
    absl/container/flat_hash_map.h absl/status/statusor.h absl/strings/str_cat.h absl/strings/str_format.h
    absl/strings/str_join.h absl/types/span.h gmock/gmock.h
    OPTIONS ${HYDRA_TEST_OPTIONS} -DGTEST_HAS_PTHREAD=1)
endif()
if(HYDRA_BUILD_COMPILER)
  include(HydraMLIR)
  list(GET MLIR_INCLUDE_DIRS 0 mlir_root)
  separate_arguments(definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
  set(headers ${mlir_root}/mlir/Pass/PassManager.h
    mlir/IR/BuiltinOps.h mlir/IR/OpImplementation.h mlir/IR/PatternMatch.h
    mlir/IR/AsmState.h mlir/IR/ImplicitLocOpBuilder.h mlir/IR/IRMapping.h mlir/IR/Remarks.h
    mlir/Interfaces/ControlFlowInterfaces.h mlir/Dialect/Arith/IR/Arith.h mlir/Dialect/Func/IR/FuncOps.h
    mlir/Dialect/Math/IR/Math.h llvm/ADT/MapVector.h llvm/ADT/StringExtras.h llvm/ADT/TypeSwitch.h
    llvm/Support/FormatVariadic.h)
  set(options -isystem ${mlir_root} ${definitions})
  hydra_precompiled_headers(hydra_compiler_headers ${headers} OPTIONS ${options})
  # The dialects that kernels are lowered to.
  hydra_precompiled_headers(hydra_codegen_headers ${headers}
    mlir/Dialect/GPU/IR/GPUDialect.h mlir/Dialect/LLVMIR/LLVMDialect.h mlir/Dialect/LLVMIR/NVVMDialect.h
    mlir/Dialect/SCF/IR/SCF.h mlir/Dialect/Vector/IR/VectorOps.h
    OPTIONS ${options})
  if(HYDRA_BUILD_TESTS)
    hydra_precompiled_headers(hydra_compiler_test_headers ${headers} gtest/gtest.h
      OPTIONS ${options} ${HYDRA_TEST_OPTIONS} -DGTEST_HAS_PTHREAD=1)
  endif()
endif()
