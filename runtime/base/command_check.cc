#include "runtime/base/command_check.h"

#include "absl/strings/str_cat.h"
#include "runtime/base/status.h"

namespace hydra::hal {
namespace {

using Wide = unsigned __int128;  // extents of hostile files must not wrap

constexpr int kMaxDepth = 16;

absl::Status CheckMatrix(absl::string_view name, const BufferRef& ref, Wide rows, Wide columns,
                         Wide stride, Wide groups, Wide group_stride, uint64_t element) {
  if (stride < columns) {
    return FailureError(absl::StrCat("leading dimension of ", name, " is ",
                                     static_cast<uint64_t>(stride), ", expected at least its ",
                                     static_cast<uint64_t>(columns), " columns"));
  }
  const Wide elements = (groups - 1) * group_stride + (rows - 1) * stride + columns;
  if (elements * element > ref.bytes) {
    return FailureError(absl::StrCat("operand ", name, " needs ",
                                     static_cast<uint64_t>(elements * element),
                                     " bytes, its buffer is ", Describe(ref)));
  }
  if (ref.offset % element != 0) {
    return FailureError(absl::StrCat("operand ", name, " at ", Describe(ref),
                                     " is not aligned to its elements of ", element, " bytes"));
  }
  return absl::OkStatus();
}

// Column windows of one row-major matrix may be read and written side by side.
bool SideBySide(const BufferRef& a, uint64_t a_columns, const BufferRef& b, uint64_t b_columns,
                uint64_t stride, uint64_t element) {
  const uint64_t row = stride * element;
  const uint64_t first = (a.offset % row) / element;
  const uint64_t second = (b.offset % row) / element;
  return first + a_columns <= second ||
         (second + b_columns <= first && first + a_columns <= stride);
}

absl::Status CheckMatmul(const MatmulCommand& c, const CommandLimits& limits) {
  HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.a, limits), "operand a"));
  HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.b, limits), "operand b"));
  HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.c, limits), "operand c"));
  constexpr uint64_t kMaxExtent = uint64_t{1} << 40;
  for (uint64_t extent : {c.m, c.n, c.k, c.tile_m, c.tile_n, c.groups}) {
    if (extent == 0 || extent > kMaxExtent) {
      return FailureError(
          absl::StrCat("m, n, k, tiles and groups must be in [1, 2^40], found m=", c.m, " n=", c.n,
                       " k=", c.k, " tile=", c.tile_m, "x", c.tile_n, " groups=", c.groups));
    }
  }
  for (uint64_t stride : {c.lda, c.ldb, c.ldc, c.group_a, c.group_b, c.group_c}) {
    if (stride > kMaxExtent) {
      return FailureError(absl::StrCat("stride ", stride, " exceeds 2^40 elements"));
    }
  }
  const uint64_t element = ElementBytes(c.type);
  const uint64_t a_rows = c.transpose_a ? c.k : c.m, a_columns = c.transpose_a ? c.m : c.k;
  const uint64_t b_rows = c.transpose_b ? c.n : c.k, b_columns = c.transpose_b ? c.k : c.n;
  HYDRA_RETURN_IF_ERROR(
      CheckMatrix("a", c.a, a_rows, a_columns, c.lda, c.groups, c.group_a, element));
  HYDRA_RETURN_IF_ERROR(
      CheckMatrix("b", c.b, b_rows, b_columns, c.ldb, c.groups, c.group_b, element));
  HYDRA_RETURN_IF_ERROR(CheckMatrix("c", c.c, c.m, c.n, c.ldc, c.groups, c.group_c, element));
  if (c.groups > 1) {
    const bool stacked = Wide{c.group_c} >= Wide{c.m - 1} * c.ldc + c.n;
    const bool columns = c.group_c >= c.n && Wide{c.groups - 1} * c.group_c + c.n <= c.ldc;
    if (!stacked && !columns) {
      return FailureError(absl::StrCat("the ", c.groups, " products overlap in c: n=", c.n,
                                       " ldc=", c.ldc, " group_c=", c.group_c));
    }
  }
  const uint64_t c_columns =
      (c.groups > 1 && c.group_c < c.ldc ? (c.groups - 1) * c.group_c : 0) + c.n;
  if (Overlap(c.a, c.c) && !(c.groups == 1 && c.lda == c.ldc &&
                             SideBySide(c.a, a_columns, c.c, c_columns, c.ldc, element))) {
    return FailureError(absl::StrCat("c ", Describe(c.c), " overlaps a ", Describe(c.a)));
  }
  if (Overlap(c.b, c.c) && !(c.groups == 1 && c.ldb == c.ldc &&
                             SideBySide(c.b, b_columns, c.c, c_columns, c.ldc, element))) {
    return FailureError(absl::StrCat("c ", Describe(c.c), " overlaps b ", Describe(c.b)));
  }
  const Wide tiles =
      Wide{(c.m + c.tile_m - 1) / c.tile_m} * ((c.n + c.tile_n - 1) / c.tile_n) * c.groups;
  if (tiles > kMaxChunks) {
    return FailureError("more than 2^32 tiles; choose larger tiles");
  }
  if (c.rows) {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(*c.rows, limits), "rows"));
    if (c.rows->bytes != 4 || c.rows->offset % 4 != 0) {
      return FailureError(absl::StrCat("rows must be one aligned i32, found ", Describe(*c.rows)));
    }
    if (Overlap(*c.rows, c.c)) {
      return FailureError(absl::StrCat("rows ", Describe(*c.rows), " lies in c"));
    }
  } else if (c.rows_bound_k) {
    return FailureError("rows_bound_k without rows");
  }
  return absl::OkStatus();
}

absl::Status CheckKernel(const KernelCommand& c, const CommandLimits& limits) {
  if (c.kernel >= limits.kernels) {
    return FailureError(
        absl::StrCat("kernel index ", c.kernel, ", expected less than ", limits.kernels));
  }
  if (c.grain == 0 || c.items > (uint64_t{1} << 62) || c.grain > (uint64_t{1} << 62) ||
      (c.items + c.grain - 1) / c.grain > kMaxChunks) {
    return FailureError(absl::StrCat(c.items, " work items in grains of ", c.grain,
                                     "; expected at least 1 and at most 2^32 grains"));
  }
  for (size_t i = 0; i < c.args.size(); ++i) {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.args[i], limits), absl::StrCat("argument ", i)));
  }
  return absl::OkStatus();
}

absl::Status CheckSequence(const CommandSequence& commands, const CommandLimits& limits, int depth);

struct Checker {
  const CommandLimits& limits;
  int depth;

  absl::Status operator()(const KernelCommand& c) const { return CheckKernel(c, limits); }
  absl::Status operator()(const MatmulCommand& c) const { return CheckMatmul(c, limits); }
  absl::Status operator()(const CopyCommand& c) const {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.source, limits), "source"));
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.target, limits), "target"));
    if (c.source.bytes != c.target.bytes) {
      return FailureError(absl::StrCat("source ", Describe(c.source), " and target ",
                                       Describe(c.target), " differ in size"));
    }
    if (Overlap(c.source, c.target) && c.source.offset != c.target.offset) {
      return FailureError(
          absl::StrCat("source ", Describe(c.source), " overlaps target ", Describe(c.target)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const FillCommand& c) const {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.target, limits), "target"));
    if (c.target.bytes % 4 != 0 || c.target.offset % 4 != 0) {
      return FailureError(
          absl::StrCat("target ", Describe(c.target), " is not made of 4-byte words"));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const CollectiveCommand& c) const {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.buffer, limits), "buffer"));
    if (c.buffer.bytes % ElementBytes(c.type) != 0 || c.buffer.offset % ElementBytes(c.type) != 0) {
      return FailureError(
          absl::StrCat("buffer ", Describe(c.buffer), " is not made of ", ElementTypeName(c.type)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const SwitchCommand& c) const {
    HYDRA_RETURN_IF_ERROR(Annotate(CheckRef(c.selector, limits), "selector"));
    if (c.selector.bytes != 4 || c.selector.offset % 4 != 0) {
      return FailureError(
          absl::StrCat("selector must be one aligned i32, found ", Describe(c.selector)));
    }
    if (c.cases.empty()) return FailureError("a switch needs at least one case");
    for (size_t i = 0; i < c.cases.size(); ++i) {
      HYDRA_RETURN_IF_ERROR(
          Annotate(CheckSequence(c.cases[i], limits, depth + 1), absl::StrCat("case ", i)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const CaptureCommand& c) const {
    return Annotate(CheckSequence(c.body, limits, depth + 1), "capture");
  }
};

absl::Status CheckAtDepth(const Command& command, const CommandLimits& limits, int depth) {
  if (depth > kMaxDepth) {
    return FailureError(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
  }
  return std::visit(Checker{limits, depth}, command.body);
}

absl::Status CheckSequence(const CommandSequence& commands, const CommandLimits& limits,
                           int depth) {
  for (size_t i = 0; i < commands.size(); ++i) {
    absl::Status status = CheckAtDepth(commands[i], limits, depth);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("command ", i, " (", CommandKindName(commands[i]),
                                           ", scope ", commands[i].scope, ")"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view RegionName(Region region) {
  static constexpr const char* kNames[kRegionCount] = {
      "arena", "parameters", "gradients", "optimizer", "control", "control_state",
      "cache", "inputs",     "outputs",   "constants", "scratch"};
  const auto index = static_cast<size_t>(region);
  return index < kRegionCount ? kNames[index] : "invalid";
}

absl::string_view ElementTypeName(ElementType type) {
  static constexpr const char* kNames[] = {"f32", "i32", "bf16", "f64", "u8"};
  const auto index = static_cast<size_t>(type);
  return index < 5 ? kNames[index] : "invalid";
}

uint64_t ElementBytes(ElementType type) {
  switch (type) {
    case ElementType::kF32:
    case ElementType::kI32:
      return 4;
    case ElementType::kBf16:
      return 2;
    case ElementType::kF64:
      return 8;
    case ElementType::kU8:
      return 1;
  }
  return 1;
}

absl::string_view CommandKindName(const Command& command) {
  static constexpr const char* kNames[] = {"kernel",     "matmul", "copy",   "fill",
                                           "collective", "switch", "capture"};
  return kNames[command.body.index()];
}

std::string Describe(const BufferRef& ref) {
  return absl::StrCat(RegionName(ref.region), "[", ref.offset, ", ", ref.offset + ref.bytes, ")");
}

bool Overlap(const BufferRef& a, const BufferRef& b) {
  return a.region == b.region && a.bytes > 0 && b.bytes > 0 && a.offset < b.offset + b.bytes &&
         b.offset < a.offset + a.bytes;
}

absl::Status CheckRef(const BufferRef& ref, const CommandLimits& limits) {
  const auto index = static_cast<size_t>(ref.region);
  if (index >= kRegionCount) {
    return FailureError(
        absl::StrCat("region number ", index, ", expected less than ", kRegionCount));
  }
  if (ref.region == Region::kScratch) {
    return FailureError("scratch is handed to kernels and cannot be named");
  }
  const uint64_t size = limits.region_bytes[index];
  if (ref.offset > size || ref.bytes > size - ref.offset) {
    return FailureError(absl::StrCat(Describe(ref), " exceeds region ", RegionName(ref.region),
                                     " of ", size, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckCommand(const Command& command, const CommandLimits& limits) {
  return CheckAtDepth(command, limits, 0);
}

absl::Status CheckCommands(const CommandSequence& commands, const CommandLimits& limits) {
  return CheckSequence(commands, limits, 0);
}

}  // namespace hydra::hal
