#include "tools/hydra-opt/Progress.h"

#include "mlir/Pass/Pass.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

namespace {

using Clock = std::chrono::steady_clock;

class Progress : public mlir::PassInstrumentation {
public:
  explicit Progress(Clock::duration interval)
      : interval(interval), begin(Clock::now()), last(begin) {}

  void runBeforePass(mlir::Pass *pass, mlir::Operation *) override {
    // Adaptors, which run other passes, have no name.
    if (pass->getArgument().empty())
      return;
    std::scoped_lock lock(mutex);
    Clock::time_point now = Clock::now();
    if (now - last < interval)
      return;
    last = now;
    llvm::errs() << "hydra-opt: "
                 << std::chrono::duration_cast<std::chrono::seconds>(now - begin).count()
                 << " s, now " << pass->getArgument() << "\n";
  }

private:
  const Clock::duration interval;
  const Clock::time_point begin;
  std::mutex mutex;
  Clock::time_point last;
};

} // namespace

std::unique_ptr<mlir::PassInstrumentation> progressInstrumentation(Clock::duration interval) {
  return std::make_unique<Progress>(interval);
}
