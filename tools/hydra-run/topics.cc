#include "tools/hydra-run/topics.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/cpu_level.h"
#include "runtime/train/settings.h"

namespace hydra::tools {
namespace {

std::string SettingsText() {
  std::string text =
      "Given as --set KEY=VALUE, some as flags of their own. A run setting is a value and never\n"
      "recompiles; a compile setting changes the program and is refused where it is compiled.\n";
  for (const train::SettingSpec& spec : train::SettingTable()) {
    const bool run = spec.scope == train::SettingScope::kRun;
    absl::StrAppend(&text, "\n", spec.key, " (", run ? "run" : "compile", ", ",
                    train::DescribeValues(spec), run ? ", default " : "",
                    run ? (spec.initial.empty() ? "empty" : spec.initial) : "", ")\n    ",
                    spec.help);
  }
  return text;
}

std::vector<Topic> MakeTopics() {
  return {
      {"models", "MODELS",
       "Where a command takes a MODEL, it may be\n"
       "  a spec (.mlir) or config (.json)   compiled with hydra-opt; the artifact is kept in the\n"
       "                                     cache, see topic files\n"
       "  an artifact (.hydra)               compile settings are refused with the command that\n"
       "                                     recompiles\n"
       "  a bundle (.hydra)                  an artifact with weights: it serves and is not "
       "trained\n"
       "  a checkpoint or run directory      a run directory stands for its newest checkpoint"},
      {"settings", "SETTINGS", SettingsText()},
      {"files", "FILES",
       "OUT/checkpoints/step-NNNNNNNN   weights, optimizer, run.json, spec, artifact, "
       "manifest.json\n"
       "OUT/checkpoints/latest          link to the newest\n"
       "OUT/abandoned                   checkpoints of a way that was left\n"
       "OUT/best, OUT/best.json         with keep_best: the checkpoint of the lowest held-out "
       "loss\n"
       "OUT/inputs.json                 where the data are, for --resume\n"
       "OUT/run.lock                    held by the process that trains\n"
       "OUT/training.db                 SQLite, can be read while training runs\n"
       "OUT/steps.jsonl                 one line per step, evaluation and start\n"
       "OUT/tensorboard                 event files, for tensorboard --logdir OUT\n"
       "OUT/report.html                 made by hydra-run report\n"
       "DATA/data.json                  what a data directory holds: shards *.tokens, a tokenizer\n"
       "$XDG_CACHE_HOME/hydra           compiled models (~/.cache/hydra), and below kernels their\n"
       "                                kernels; may be deleted"},
      {"environment", "ENVIRONMENT",
       "XDG_CACHE_HOME   where compiled models are kept; .cache in HOME without it\n"
       "TMPDIR           where verify, bisect and diag work\n"
       "NO_COLOR         no colour in messages\n"
       "PATH             where hydra-opt is looked for, after the folder of hydra-run\n"
       "HYDRA_PTXAS      NVIDIA's assembler, for --target=cuda; without it that of CUDA_HOME, "
       "then\n"
       "                 that of PATH\n"
       "TERM             dumb: no progress bars\n"
       "Threads are chosen with --threads, instruction-set levels when compiling; variables of\n"
       "oneDNN and OpenMP have no say."},
      {"exit-codes", "EXIT CODES",
       "0     success\n"
       "1     a failure: a check did not hold, a full disk, output that cannot be written\n"
       "2     usage\n"
       "3     a bad or missing input file\n"
       "4     out of memory\n"
       "5     a numerical failure: a loss or a norm is not finite\n"
       "130   after a checkpoint on SIGINT\n"
       "143   after a checkpoint on SIGTERM, SIGHUP or SIGPIPE"},
      {"levels", "INSTRUCTION-SET LEVELS",
       absl::StrCat(
           "An artifact for a CPU holds code of one level or several (hydra-opt --arch), and\n"
           "the largest that the processor runs is taken. From the smallest: ",
           CpuLevelNames(), ".\nhydra-run doctor says which run here, and why others do not.")},
  };
}

}  // namespace

const std::vector<Topic>& Topics() {
  static const std::vector<Topic>* const topics = new std::vector<Topic>(MakeTopics());
  return *topics;
}

}  // namespace hydra::tools
