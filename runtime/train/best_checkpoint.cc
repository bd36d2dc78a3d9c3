#include "runtime/train/best_checkpoint.h"

#include <filesystem>

#include "runtime/io/atomic_file.h"
#include "runtime/io/json_file.h"
#include "runtime/io/json_value.h"

namespace hydra::train {
namespace {

struct Note {
  int64_t step = 0;
  double loss = 0;
};

absl::StatusOr<Note> ReadNote(const std::string& path) {
  Note note;
  HYDRA_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path));
  HYDRA_ASSIGN_OR_RETURN(const JsonView step, document.root().Get("step"));
  HYDRA_ASSIGN_OR_RETURN(note.step, step.Int(0));
  HYDRA_ASSIGN_OR_RETURN(const JsonView loss, document.root().Get("loss"));
  HYDRA_ASSIGN_OR_RETURN(note.loss, loss.Double());
  return note;
}

}  // namespace

BestCheckpoint::BestCheckpoint(const std::string& out, int64_t step)
    : path_((std::filesystem::path(out) / "best").string()),
      note_path_((std::filesystem::path(out) / "best.json").string()) {
  // Without a note of a whole checkpoint, the next evaluation is the best there is.
  const absl::StatusOr<Note> note = ReadNote(note_path_);
  if (!note.ok() || note->step > step) return;
  const absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(path_);
  if (checkpoint.ok() && checkpoint->run().step == note->step) loss_ = note->loss;
}

absl::Status BestCheckpoint::Save(TrainEngine& engine, const RunRecord& record,
                                  const CheckpointAttachments& attachments, double loss) {
  HYDRA_RETURN_IF_ERROR(WriteCheckpoint(path_, engine, record, attachments));
  loss_ = loss;
  const JsonValue note{{"step", record.step}, {"loss", loss}};
  return WriteFileAtomically(note_path_, note.Dump(2) + "\n");
}

}  // namespace hydra::train
