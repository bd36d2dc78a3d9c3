#include "runtime/app/recompile.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/app/artifact_facts.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/scratch_directory.h"
#include "runtime/toolchain/compile.h"
#include "runtime/toolchain/process.h"

namespace hydra::app {

absl::StatusOr<Recompilation> Recompile(const Model& model, const ModelRequest& request,
                                        int64_t batch, int64_t seq,
                                        const std::map<std::string, std::string>& settings) {
  HYDRA_ASSIGN_OR_RETURN(const train::CheckpointAttachments attachments, AttachmentsOf(model));
  const absl::StatusOr<std::string> compiler = toolchain::FindProgram(toolchain::kCompiler);
  if (!compiler.ok()) return Recompilation{{}, std::string(compiler.status().message())};
  if (attachments.spec_contents.empty()) return Recompilation{{}, "the artifact has no spec"};
  toolchain::CompileRequest compile;
  HYDRA_ASSIGN_OR_RETURN(const ScratchDirectory directory, ScratchDirectory::Create("hydra-spec"));
  compile.spec = model.spec_path;
  if (compile.spec.empty()) {
    compile.spec = absl::StrCat(directory.path(), "/model", attachments.spec_extension);
    HYDRA_RETURN_IF_ERROR(WriteFileAtomically(compile.spec, attachments.spec_contents));
  }
  compile.entries = {absl::StrCat("train@", batch, "x", seq)};
  compile.settings = MeaningOf(*model.artifact);
  compile.settings["arch"] = model.executor().isa_level();
  const std::string target = CompileSettingOf(*model.artifact, "target");
  if (!target.empty()) compile.settings["target"] = target;
  for (const auto& [key, value] : settings) compile.settings[key] = value;
  HYDRA_ASSIGN_OR_RETURN(const toolchain::Compiled compiled, toolchain::CompileModel(compile));
  ModelRequest again = request;
  again.model = compiled.artifact;
  again.checkpoint.reset();
  again.settings = {};
  again.entries = {EntryRequest::Of("train", batch, seq)};
  HYDRA_ASSIGN_OR_RETURN(Model loaded, LoadModel(again));
  std::string name = model.spec_path;
  if (name.empty()) name = absl::StrCat(model.artifact_path, " (its spec)");
  return Recompilation{Recompiled{std::move(loaded), std::move(name), attachments.spec_contents},
                       ""};
}

}  // namespace hydra::app
