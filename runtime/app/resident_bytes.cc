#include "runtime/app/resident_bytes.h"

#include <fstream>
#include <string>

namespace hydra::app {

ResidentBytes MeasureResidentBytes() {
  // Both lines are in units of 1024 bytes, whatever the page size.
  ResidentBytes result;
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    uint64_t kilobytes = 0;
    if (key == "VmRSS:" && status >> kilobytes) result.current = kilobytes * 1024;
    if (key == "VmHWM:" && status >> kilobytes) result.peak = kilobytes * 1024;
    std::string rest;
    std::getline(status, rest);
  }
  return result;
}

}  // namespace hydra::app
