# Compiler flags, linker and cache shared by every target.
find_program(HYDRA_CCACHE ccache)
if(HYDRA_CCACHE)
  # One cache for every clone and worktree: paths below the source tree are relative in the key, and
  # the build directory is no part of it. Nothing on a compile line may name an absolute path of ours.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${HYDRA_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  find_program(HYDRA_LLD NAMES ld.lld-22 ld.lld)
  if(HYDRA_LLD)
    add_link_options(--ld-path=${HYDRA_LLD})
  endif()
endif()

# One kind of code for libraries and programs, which therefore share precompiled headers.
add_compile_options(-fPIC)
add_compile_options(-Wall -Wextra -Wno-unused-parameter)
# Warnings stop a developer and CI, never a user whose compiler knows warnings that ours does not.
# HYDRA_WERROR=1 in the environment of the first configuration, as .ci/run has it, or -DHYDRA_WERROR=ON.
set(HYDRA_WERROR "$ENV{HYDRA_WERROR}" CACHE BOOL "Warnings are errors")
if(HYDRA_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlaps in "text" + std::string that are not there (GCC bug 105329).
  add_compile_options(-Wno-restrict)
endif()
# Release keeps frame pointers: profiles of the runtime are part of the product.
add_compile_options(-fno-omit-frame-pointer)
# Reproducible numbers: the compiler may not contract or reassociate on its own.
add_compile_options(-ffp-contract=off)

if(HYDRA_SANITIZE)
  add_compile_options(-fsanitize=${HYDRA_SANITIZE} -fno-sanitize-recover=all -g -O1)
  add_link_options(-fsanitize=${HYDRA_SANITIZE})
  # clang's `function` check reads the bytes before a function, which generated kernels do not have.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND HYDRA_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=function)
  endif()
endif()

# Tests run once and compile often. -O1 follows the build type's level, so it is the one that holds.
set(HYDRA_TEST_OPTIONS "")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(HYDRA_TEST_OPTIONS -O1)
endif()
