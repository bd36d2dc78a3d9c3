# Settings of every lit suite. Loaded by the lit.site.cfg.py that hydra_lit_suite() writes.
import os

import lit.formats

config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]

# Built tools first, so that an installed hydra-opt is never tested by accident.
config.environment["PATH"] = os.pathsep.join(
    [config.hydra_binary_dir, config.llvm_tools_dir, config.environment.get("PATH", "")]
)
config.environment["NO_COLOR"] = "1"
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --allow-unused-prefixes=false"

config.substitutions.append(("%source_dir", config.hydra_source_dir))
