# Debian packages behind these names: setup/packages.txt.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(FlatBuffers REQUIRED CONFIG)  # flatbuffers::flatbuffers_shared, flatbuffers::flatbuffers
# oneDNN's own package file demands OpenCL, which the CPU library does not need.
find_path(HYDRA_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(HYDRA_DNNL_LIBRARY dnnl REQUIRED)
add_library(DNNL::dnnl SHARED IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES
  IMPORTED_LOCATION ${HYDRA_DNNL_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${HYDRA_DNNL_INCLUDE})
find_package(SQLite3 REQUIRED)
find_path(HYDRA_NLOHMANN_INCLUDE nlohmann/json.hpp REQUIRED)
find_path(HYDRA_XXHASH_INCLUDE xxhash.h REQUIRED)
find_program(HYDRA_FLATC flatc REQUIRED)
if(HYDRA_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(HYDRA_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
