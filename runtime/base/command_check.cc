#include "runtime/base/command_check.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

using Wide = unsigned __int128;  // extents of hostile files must not wrap

constexpr int kMaxDepth = 16;

// What the commands of a list may refer to, and how often the list runs.
struct Frame {
  const CommandLimits& limits;
  uint64_t iterations = 0;  // of the innermost repeat; 0 outside
  uint64_t runs = 1;        // product over all enclosing repeats
  int depth = 0;

  absl::Status Check(const BufferRef& ref, absl::string_view name) const {
    return Annotate(CheckRefInRepeat(ref, limits.region_bytes, iterations), name);
  }
  // A range without rows, as large and aligned as `count` elements of `element` bytes.
  absl::Status CheckNumbers(const BufferRef& ref, absl::string_view name, uint64_t count,
                            uint64_t element) const {
    HYDRA_RETURN_IF_ERROR(Check(ref, name));
    if (ref.pitch != 0 || ref.bytes / element != count || ref.bytes % element != 0 ||
        !Aligned(ref, element)) {
      return FailureError(absl::StrCat(name, " must be ", count, " aligned words of ", element,
                                       " bytes, found ", Describe(ref)));
    }
    return absl::OkStatus();
  }
  bool Meet(const BufferRef& a, const BufferRef& b) const {
    return OverlapInRepeat(a, b, iterations);
  }
  static bool Aligned(const BufferRef& ref, uint64_t element) {
    return ref.offset % element == 0 && ref.pitch % element == 0 && ref.row_bytes % element == 0 &&
           ref.repeat_step % static_cast<int64_t>(element) == 0;
  }
};

// One operand of a matmul: `groups` matrices, each `group_stride` elements after the one before.
struct Matrix {
  absl::string_view name;
  const BufferRef& ref;
  uint64_t rows, columns, stride, groups, group_stride;
  ElementType type;
};

absl::Status CheckMatrix(const Matrix& x) {
  const uint64_t element = ElementBytes(x.type);
  if (x.stride < x.columns) {
    return FailureError(absl::StrCat("leading dimension of ", x.name, " is ", x.stride,
                                     ", expected at least its ", x.columns, " columns"));
  }
  const Wide elements =
      Wide{x.groups - 1} * x.group_stride + Wide{x.rows - 1} * x.stride + x.columns;
  if (elements * element > x.ref.bytes) {
    return FailureError(absl::StrCat("operand ", x.name, " needs ",
                                     static_cast<uint64_t>(elements * element),
                                     " bytes, its buffer is ", Describe(x.ref)));
  }
  if (!Frame::Aligned(x.ref, element)) {
    return FailureError(absl::StrCat("operand ", x.name, " at ", Describe(x.ref),
                                     " is not aligned to its elements of ", element, " bytes"));
  }
  if (x.ref.pitch == 0) return absl::OkStatus();
  // Groups are windows of columns, or whole rows further down.
  const bool down = x.group_stride % x.stride == 0;
  const Wide width = down ? Wide{x.columns} : Wide{x.groups - 1} * x.group_stride + x.columns;
  if (Wide{x.stride} * element != x.ref.pitch || width * element > x.ref.row_bytes) {
    return FailureError(absl::StrCat(
        "operand ", x.name, " has rows of ", static_cast<uint64_t>(width),
        " elements and a leading dimension of ", x.stride, ", its buffer is ", Describe(x.ref)));
  }
  return absl::OkStatus();
}

absl::Status CheckMatmulExtents(const MatmulCommand& c) {
  constexpr uint64_t kMaxExtent = uint64_t{1} << 40;
  for (uint64_t extent : {c.m, c.n, c.k, c.tile_m, c.tile_n, c.groups}) {
    if (extent == 0 || extent > kMaxExtent) {
      return FailureError(
          absl::StrCat("m, n, k, tiles and groups must be in [1, 2^40], found m=", c.m, " n=", c.n,
                       " k=", c.k, " tile=", c.tile_m, "x", c.tile_n, " groups=", c.groups));
    }
  }
  for (uint64_t stride : {c.lda, c.ldb, c.ldc, c.group_a, c.group_b, c.group_c, c.k_slice}) {
    if (stride > kMaxExtent) {
      return FailureError(absl::StrCat("stride ", stride, " exceeds 2^40 elements"));
    }
  }
  const bool f32 = c.a_type == ElementType::kF32 && c.b_type == ElementType::kF32 &&
                   c.c_type == ElementType::kF32;
  const bool bf16 = c.a_type == ElementType::kBf16 && c.b_type == ElementType::kBf16 &&
                    (c.c_type == ElementType::kF32 || c.c_type == ElementType::kBf16);
  if (!f32 && !bf16) {
    return FailureError(
        absl::StrCat("element types ", ElementTypeName(c.a_type), " x ", ElementTypeName(c.b_type),
                     " -> ", ElementTypeName(c.c_type),
                     "; expected f32 x f32 -> f32, bf16 x bf16 -> f32 or bf16 x bf16 -> bf16"));
  }
  const Wide row_tiles = (c.m + c.tile_m - 1) / c.tile_m;
  const Wide column_tiles = (c.n + c.tile_n - 1) / c.tile_n;
  // Each group that offsets cut off may end in a tile of its own.
  const bool cut = c.offsets && !c.rows_bound_k;
  if ((cut ? row_tiles + c.groups : row_tiles * c.groups) * column_tiles > kMaxChunks) {
    return FailureError("more than 2^32 tiles; choose larger tiles");
  }
  return absl::OkStatus();
}

// Rows that live on the device: `rows`, `offsets`, and what they must not meet.
absl::Status CheckMatmulRows(const MatmulCommand& c, const Frame& frame) {
  if (c.rows && c.offsets) {
    return FailureError("rows and offsets exclude each other");
  }
  if (c.rows) HYDRA_RETURN_IF_ERROR(frame.CheckNumbers(*c.rows, "rows", 1, 4));
  if (c.offsets) {
    HYDRA_RETURN_IF_ERROR(frame.CheckNumbers(*c.offsets, "offsets", c.groups + 1, 4));
    if (c.group_a != 0 || (c.rows_bound_k ? c.group_b : c.group_c) != 0) {
      return FailureError(absl::StrCat("offsets say where the groups of a and ",
                                       c.rows_bound_k ? "b" : "c",
                                       " are; expected group strides of 0, found ", c.group_a,
                                       " and ", c.rows_bound_k ? c.group_b : c.group_c));
    }
  }
  for (const auto* numbers : {&c.rows, &c.offsets}) {
    if (*numbers && frame.Meet(**numbers, c.c)) {
      return FailureError(absl::StrCat(numbers == &c.rows ? "rows " : "offsets ",
                                       Describe(**numbers), " lies in c"));
    }
  }
  if (c.rows_bound_k && !c.rows && !c.offsets) {
    return FailureError("rows_bound_k without rows");
  }
  return absl::OkStatus();
}

absl::Status CheckMatmul(const MatmulCommand& c, const Frame& frame) {
  HYDRA_RETURN_IF_ERROR(frame.Check(c.a, "operand a"));
  HYDRA_RETURN_IF_ERROR(frame.Check(c.b, "operand b"));
  HYDRA_RETURN_IF_ERROR(frame.Check(c.c, "operand c"));
  HYDRA_RETURN_IF_ERROR(CheckMatmulExtents(c));
  HYDRA_RETURN_IF_ERROR(CheckMatmulRows(c, frame));
  const uint64_t a_rows = c.transpose_a ? c.k : c.m, a_columns = c.transpose_a ? c.m : c.k;
  const uint64_t b_rows = c.transpose_b ? c.n : c.k, b_columns = c.transpose_b ? c.k : c.n;
  // With offsets, all groups share the rows of one matrix.
  const uint64_t a_groups = c.offsets ? 1 : c.groups;
  const uint64_t b_groups = c.offsets && c.rows_bound_k ? 1 : c.groups;
  const uint64_t c_groups = c.offsets && !c.rows_bound_k ? 1 : c.groups;
  HYDRA_RETURN_IF_ERROR(
      CheckMatrix({"a", c.a, a_rows, a_columns, c.lda, a_groups, c.group_a, c.a_type}));
  HYDRA_RETURN_IF_ERROR(
      CheckMatrix({"b", c.b, b_rows, b_columns, c.ldb, b_groups, c.group_b, c.b_type}));
  HYDRA_RETURN_IF_ERROR(CheckMatrix({"c", c.c, c.m, c.n, c.ldc, c_groups, c.group_c, c.c_type}));
  if (c_groups > 1) {
    const bool stacked = Wide{c.group_c} >= Wide{c.m - 1} * c.ldc + c.n;
    const bool columns = c.group_c >= c.n && Wide{c.groups - 1} * c.group_c + c.n <= c.ldc;
    if (!stacked && !columns) {
      return FailureError(absl::StrCat("the ", c.groups, " products overlap in c: n=", c.n,
                                       " ldc=", c.ldc, " group_c=", c.group_c));
    }
  }
  if (frame.Meet(c.a, c.c)) {
    return FailureError(absl::StrCat("c ", Describe(c.c), " overlaps a ", Describe(c.a)));
  }
  if (frame.Meet(c.b, c.c)) {
    return FailureError(absl::StrCat("c ", Describe(c.c), " overlaps b ", Describe(c.b)));
  }
  return absl::OkStatus();
}

absl::Status CheckKernel(const KernelCommand& c, const Frame& frame) {
  if (c.kernel >= frame.limits.kernels) {
    return FailureError(
        absl::StrCat("kernel index ", c.kernel, ", expected less than ", frame.limits.kernels));
  }
  if (c.grain == 0 || c.items > (uint64_t{1} << 62) || c.grain > (uint64_t{1} << 62) ||
      (c.items + c.grain - 1) / c.grain > kMaxChunks) {
    return FailureError(absl::StrCat(c.items, " work items in grains of ", c.grain,
                                     "; expected at least 1 and at most 2^32 grains"));
  }
  for (size_t i = 0; i < c.args.size(); ++i) {
    HYDRA_RETURN_IF_ERROR(frame.Check(c.args[i], absl::StrCat("argument ", i)));
  }
  if (!c.geometry) return absl::OkStatus();
  for (const auto& extents : {c.geometry->grid, c.geometry->block, c.geometry->cluster}) {
    if (std::find(extents.begin(), extents.end(), 0u) != extents.end()) {
      return FailureError("a launch geometry has an extent of 0, expected at least 1");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCopy(const CopyCommand& c, const Frame& frame) {
  HYDRA_RETURN_IF_ERROR(frame.Check(c.source, "source"));
  HYDRA_RETURN_IF_ERROR(frame.Check(c.target, "target"));
  const bool rows_differ =
      c.source.pitch != 0 && c.target.pitch != 0 && c.source.row_bytes != c.target.row_bytes;
  if (PayloadBytes(c.source) != PayloadBytes(c.target) || rows_differ) {
    return FailureError(absl::StrCat("source ", Describe(c.source), " and target ",
                                     Describe(c.target), " differ in size"));
  }
  if (frame.Meet(c.source, c.target) && !(c.source == c.target)) {
    return FailureError(
        absl::StrCat("source ", Describe(c.source), " overlaps target ", Describe(c.target)));
  }
  return absl::OkStatus();
}

absl::Status CheckFill(const FillCommand& c, const Frame& frame) {
  HYDRA_RETURN_IF_ERROR(frame.Check(c.target, "target"));
  if (c.target.bytes % 4 != 0 || !Frame::Aligned(c.target, 4)) {
    return FailureError(
        absl::StrCat("target ", Describe(c.target), " is not made of 4-byte words"));
  }
  return absl::OkStatus();
}

absl::Status CheckCollective(const CollectiveCommand& c, const Frame& frame) {
  const uint64_t element = ElementBytes(c.type);
  HYDRA_RETURN_IF_ERROR(frame.Check(c.buffer, "buffer"));
  if (c.buffer.pitch != 0 || c.buffer.bytes % element != 0 || !Frame::Aligned(c.buffer, element)) {
    return FailureError(
        absl::StrCat("buffer ", Describe(c.buffer), " is not made of ", ElementTypeName(c.type)));
  }
  return absl::OkStatus();
}

absl::Status CheckSequence(const CommandSequence& commands, const Frame& frame);

struct Checker {
  const Frame& frame;

  absl::Status operator()(const KernelCommand& c) const { return CheckKernel(c, frame); }
  absl::Status operator()(const MatmulCommand& c) const { return CheckMatmul(c, frame); }
  absl::Status operator()(const CopyCommand& c) const { return CheckCopy(c, frame); }
  absl::Status operator()(const FillCommand& c) const { return CheckFill(c, frame); }
  absl::Status operator()(const CollectiveCommand& c) const { return CheckCollective(c, frame); }
  absl::Status operator()(const SwitchCommand& c) const {
    HYDRA_RETURN_IF_ERROR(frame.CheckNumbers(c.selector, "selector", 1, 4));
    if (c.cases.empty()) return FailureError("a switch needs at least one case");
    for (size_t i = 0; i < c.cases.size(); ++i) {
      HYDRA_RETURN_IF_ERROR(
          Annotate(CheckSequence(c.cases[i], Inside()), absl::StrCat("case ", i)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const CaptureCommand& c) const {
    return Annotate(CheckSequence(c.body, Inside()), "capture");
  }
  absl::Status operator()(const RepeatCommand& c) const {
    if (c.count == 0 || c.count > kMaxRepeats / frame.runs) {
      return FailureError(absl::StrCat("a count of ", c.count, ", expected at least 1 and at most ",
                                       kMaxRepeats,
                                       " runs of a command over all enclosing repeats"));
    }
    Frame inner = Inside();
    inner.iterations = c.count;
    inner.runs *= c.count;
    return Annotate(CheckSequence(c.body, inner), "body");
  }

 private:
  Frame Inside() const {
    Frame inner = frame;
    ++inner.depth;
    return inner;
  }
};

absl::Status CheckOne(const Command& command, const Frame& frame) {
  if (frame.depth > kMaxDepth) {
    return FailureError(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
  }
  return std::visit(Checker{frame}, command.body);
}

absl::Status CheckSequence(const CommandSequence& commands, const Frame& frame) {
  for (size_t i = 0; i < commands.size(); ++i) {
    absl::Status status = CheckOne(commands[i], frame);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("command ", i, " (", CommandKindName(commands[i]),
                                           ", scope ", commands[i].scope, ")"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view CommandKindName(const Command& command) {
  static constexpr const char* kNames[] = {"kernel",     "matmul", "copy",    "fill",
                                           "collective", "switch", "capture", "repeat"};
  return kNames[command.body.index()];
}

absl::Status CheckCommand(const Command& command, const CommandLimits& limits) {
  return CheckOne(command, Frame{limits});
}

absl::Status CheckCommands(const CommandSequence& commands, const CommandLimits& limits) {
  return CheckSequence(commands, Frame{limits});
}

}  // namespace hydra::hal
