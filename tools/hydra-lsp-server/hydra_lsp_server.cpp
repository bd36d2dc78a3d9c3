// hydra-lsp-server: MLIR's language server, which knows HYDRA's dialects: editors show errors of
// specs while they are written, complete ops and attributes, and tell what stands under the cursor
// (docs/tools/hydra-lsp-server.md).
#include <cstdlib>

#include "compiler/pipeline/Registration.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  mlir::hydra::registerEverything(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry)) ? EXIT_FAILURE : EXIT_SUCCESS;
}
