// Counts the calls of operator new in this program, shared libraries included.
#ifndef HYDRA_TESTS_HAL_ALLOCATION_COUNTER_H_
#define HYDRA_TESTS_HAL_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace hydra::testing {

// Allocations so far, on all threads.
uint64_t Allocations();
// Frees so far.
uint64_t Frees();

}  // namespace hydra::testing

#endif  // HYDRA_TESTS_HAL_ALLOCATION_COUNTER_H_
