# MLIR 22 from Debian. Its version file refuses "22", so the version is checked here.
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "HYDRA needs MLIR 22, found ${LLVM_VERSION} in ${MLIR_DIR}; "
                      "install libmlir-22-dev or pass -DMLIR_DIR=")
endif()
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Paths and definitions of MLIR's headers for a target.
function(hydra_mlir_headers name)
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  separate_arguments(definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
  target_compile_options(${name} PUBLIC ${definitions})
endfunction()
