// The step record as the host sees it: the bytes that one step left in region `record`, one piece
// per micro-batch and one of `apply`, and what the fields in them come to.
#ifndef HYDRA_RUNTIME_EXEC_STEP_RECORD_H_
#define HYDRA_RUNTIME_EXEC_STEP_RECORD_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/artifact/artifact.h"

namespace hydra {

// A field and where its pieces are in the bytes of a record. Borrows the artifact's table.
struct RecordField {
  const artifact::NamedBuffer* buffer = nullptr;  // name, type, shape, reduce
  uint64_t offset = 0;                            // of the first piece
  uint64_t stride = 0;                            // from piece to piece
  uint32_t pieces = 1;
};

// The fields of an entry whose pieces begin at `offset`. An input error for a field of an element
// type that has no value as a number: it must be f32, f64 or i32.
absl::StatusOr<std::vector<RecordField>> FieldsOf(const artifact::EntryInfo& entry, uint64_t offset,
                                                  uint64_t stride, uint32_t pieces);

// Element by element, the field's reduction over its pieces, in their order and in float64: what a
// step of several micro-batches gave does not depend on who finished first. A NaN anywhere gives
// NaN. `record` holds every piece; `values` is as large as the field's shape.
void ReduceField(const RecordField& field, absl::Span<const uint8_t> record,
                 absl::Span<double> values);

}  // namespace hydra

#endif  // HYDRA_RUNTIME_EXEC_STEP_RECORD_H_
