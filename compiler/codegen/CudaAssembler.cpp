#include "compiler/codegen/CudaAssembler.h"

#include "mlir/IR/Diagnostics.h"
#include "runtime/io/cuda_toolkit.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::hydra;

static std::string textOf(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

// The number in front of `unit` in a line; 0 where there is none.
static int64_t numberBefore(StringRef line, StringRef unit) {
  size_t at = line.find(unit);
  if (at == StringRef::npos)
    return 0;
  StringRef digits = line.take_front(at).rtrim();
  digits = digits.take_back(digits.size() - (digits.find_last_not_of("0123456789") + 1));
  int64_t number = 0;
  return digits.getAsInteger(10, number) ? 0 : number;
}

llvm::StringMap<KernelResources> mlir::hydra::parseAssemblerReport(StringRef report) {
  llvm::StringMap<KernelResources> kernels;
  KernelResources *current = nullptr;
  SmallVector<StringRef> lines;
  report.split(lines, '\n');
  for (StringRef line : lines) {
    if (size_t at = line.find("Compiling entry function '"); at != StringRef::npos) {
      StringRef rest = line.substr(line.find('\'') + 1);
      current = &kernels[rest.take_front(rest.find('\''))];
    } else if (current && line.contains("bytes stack frame")) {
      current->stackBytes = numberBefore(line, " bytes stack frame");
      current->spillStores = numberBefore(line, " bytes spill stores");
      current->spillLoads = numberBefore(line, " bytes spill loads");
    } else if (current && line.contains(" registers")) {
      current->registers = numberBefore(line, " registers");
      current->sharedBytes = numberBefore(line, " bytes smem");
      current = nullptr;
    }
  }
  return kernels;
}

namespace {
// A file of our own in the system's temporary folder, gone with this.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef suffix) {
    error = llvm::sys::fs::createTemporaryFile("hydra-cuda", suffix, path);
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  llvm::SmallString<128> path;
  std::error_code error;
};
} // namespace

FailureOr<std::optional<CudaAssembler>> CudaAssembler::find(Location location) {
  std::string program = ::hydra::FindPtxas();
  if (program.empty())
    return std::optional<CudaAssembler>();
  TemporaryFile output("txt");
  std::optional<StringRef> streams[] = {std::nullopt, StringRef(output.path),
                                        StringRef(output.path)};
  std::string error;
  int code = output.error ? -1
                          : llvm::sys::ExecuteAndWait(program, {program, "--version"}, std::nullopt,
                                                      streams, 0, 0, &error);
  SmallVector<StringRef> parts;
  std::string text = textOf(output.path);
  if (code != 0 || !llvm::Regex("V([0-9.]+)").match(text, &parts))
    return emitError(location) << "expected ptxas of the CUDA Toolkit at " << program
                               << ", found something that does not say its version"
                               << (error.empty() ? "" : ": ") << error << "; "
                               << ::hydra::PtxasAdvice()
                               << ", or set HYDRA_PTXAS to nothing for PTX alone";
  CudaAssembler assembler;
  assembler.program = program;
  assembler.name = "ptxas " + parts[1].str();
  return std::optional<CudaAssembler>(assembler);
}

std::string mlir::hydra::withAllRegisters(StringRef ptx, ArrayRef<StringRef> kernels) {
  std::string text;
  bool wanted = false;
  while (!ptx.empty()) {
    StringRef line = ptx.take_front(ptx.find('\n') + 1);
    if (line.empty())
      line = ptx;
    text += line;
    ptx = ptx.drop_front(line.size());
    if (StringRef name = line; name.consume_front(".visible .entry "))
      wanted = llvm::is_contained(kernels, name.take_until([](char c) { return c == '('; }));
    if (wanted && line.starts_with(".maxntid")) {
      text += ".minnctapersm 1\n";
      wanted = false;
    }
  }
  return text;
}

FailureOr<Cubin> CudaAssembler::assemble(StringRef ptx, StringRef architecture,
                                         Location location) const {
  FailureOr<Cubin> cubin = assembleAsItIs(ptx, architecture, location);
  if (failed(cubin))
    return failure();
  SmallVector<StringRef> spilling;
  for (const auto &kernel : cubin->resources)
    if (kernel.second.spillStores + kernel.second.spillLoads > 0)
      spilling.push_back(kernel.first());
  if (spilling.empty())
    return cubin;
  return assembleAsItIs(withAllRegisters(ptx, spilling), architecture, location);
}

FailureOr<Cubin> CudaAssembler::assembleAsItIs(StringRef ptx, StringRef architecture,
                                               Location location) const {
  TemporaryFile input("ptx"), output("cubin"), report("txt");
  for (const TemporaryFile *file : {&input, &output, &report})
    if (file->error)
      return emitError(location) << "cannot make a temporary file for ptxas: "
                                 << file->error.message();
  std::error_code error;
  llvm::raw_fd_ostream stream(input.path, error);
  stream << ptx;
  stream.close();
  if (error || stream.has_error()) {
    stream.clear_error();
    return emitError(location) << "cannot write " << input.path << " for ptxas";
  }
  std::string arch = ("-arch=" + architecture).str();
  std::optional<StringRef> streams[] = {std::nullopt, StringRef(report.path),
                                        StringRef(report.path)};
  int code = llvm::sys::ExecuteAndWait(
      program, {program, "-v", arch, input.path, "-o", output.path}, std::nullopt, streams);
  std::string said = textOf(report.path);
  if (code != 0)
    return emitError(location) << name << " does not assemble the kernels for " << architecture
                               << " (status " << code << "): " << StringRef(said).take_front(2000);
  auto buffer = llvm::MemoryBuffer::getFile(output.path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return emitError(location) << name << " left no cubin for " << architecture;
  Cubin cubin;
  cubin.bytes.assign((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
  cubin.resources = parseAssemblerReport(said);
  return cubin;
}
