// Random programs: whatever places the planner chooses, every op reads its operands and every
// result arrives.
#include <gtest/gtest.h>

#include <random>

#include "dialects/plan/KernelWork.h"
#include "dialects/rows/RowsDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "passes/plan/CheckAssignment.h"
#include "passes/plan/StorageAssignment.h"

namespace mlir::plan {
namespace {

class RandomProgram {
 public:
  explicit RandomProgram(unsigned seed) : random(seed) {}

  // A function over 8 x 8 tensors with two states, each possibly updated, exchanged or read late.
  std::string text() {
    out = "func.func @f(%v0: tensor<8x8xf32>, ";
    out += state("%v1", "a") + ", " + state("%v2", "b") + ") -> (tensor<8x8xf32>, ";
    out += "tensor<8x8xf32> {hydra.binding = #hydra.binding<cache \"a\">}, ";
    out += "tensor<8x8xf32> {hydra.binding = #hydra.binding<cache \"b\">}, tensor<f32>) {\n";
    count = 3;
    int ops = 2 + static_cast<int>(random() % 30);
    for (int i = 0; i < ops; ++i) addOp();
    scalarFrom = count;
    int number = count++;
    out += fusion(number, "rows", {pick()}, "tensor<f32>",
                  "hydra.reduce <sum> <all> %x0 : (tensor<8x8xf32>) -> tensor<f32>");
    out += "return " + value(pick()) + ", " + value(pick()) + ", " + value(pick()) + ", " +
           value(number) + " : " + kType + ", " + kType + ", " + kType + ", tensor<f32>\n}\n";
    return out;
  }

 private:
  static constexpr const char* kType = "tensor<8x8xf32>";
  static std::string value(int number) { return "%v" + std::to_string(number); }
  static std::string state(const std::string& name, const std::string& binding) {
    return name + ": tensor<8x8xf32> {hydra.binding = #hydra.binding<cache \"" + binding + "\">}";
  }

  // A recent value more often than an old one; scalars are made last and never picked.
  int pick() {
    int back = static_cast<int>(random() % (random() % 2 ? 3 : 12));
    return std::max(0, std::min(count, scalarFrom) - 1 - back);
  }

  std::string fusion(int number, const std::string& kind, std::vector<int> operands,
                     const std::string& type, const std::string& body) {
    std::string inputs, types, arguments;
    for (size_t i = 0; i < operands.size(); ++i) {
      std::string comma = i ? ", " : "";
      inputs += comma + value(operands[i]);
      types += comma + kType;
      arguments += comma + "%x" + std::to_string(i) + ": " + kType;
    }
    return value(number) + " = hydra.fusion <" + kind + "> \"single\"(" + inputs + ") : (" + types +
           ") -> " + type + " {\n^bb0(" + arguments + "):\n%y = " + body +
           "\nhydra.yield %y : " + type + "\n}\n";
  }

  // Rows of two values, worked on or not, joined; the part that was worked on may be read again.
  void join(int number, int a, int b) {
    std::string name = value(number);
    const char* three = "tensor<3x8xf32>";
    const char* five = "tensor<5x8xf32>";
    out += name + "a = hydra.slice_rows " + value(a) + " {first = " + std::to_string(random() % 6) +
           " : i64, count = 3 : i64} : (" + kType + ") -> " + three + "\n";
    out += name + "b = hydra.slice_rows " + value(b) + " {first = " + std::to_string(random() % 4) +
           " : i64, count = 5 : i64} : (" + kType + ") -> " + five + "\n";
    auto work = [&](const std::string& from, const std::string& to, const std::string& type) {
      out += to + " = hydra.fusion <rows> \"single\"(" + from + ") : (" + type + ") -> " + type +
             " {\n^bb0(%x0: " + type + "):\n%y = hydra.unary <exp> %x0 : (" + type + ") -> " +
             type + "\nhydra.yield %y : " + type + "\n}\n";
    };
    work(name + "a", name + "c", three);
    bool both = random() % 2;
    if (both) work(name + "b", name + "d", five);
    std::string second = name + (both ? "d" : "b");
    if (random() % 2) work(name + "c", name + "e", three);
    out += name + " = hydra.concat_rows " + name + "c, " + second + " : (" + three + ", " + five +
           ") -> " + kType + "\n";
    if (random() % 2) work(name + "c", name + "f", three);
  }

  void addOp() {
    const std::string type = kType;
    int a = pick(), b = pick(), c = pick(), number = count++;
    switch (random() % 8) {
      case 6:
      case 7:
        join(number, a, b);
        break;
      case 0:
        out +=
            fusion(number, "rows", {a}, type, "hydra.unary <exp> %x0 : (" + type + ") -> " + type);
        break;
      case 1:
        out += fusion(number, "rows", {a, b}, type,
                      "hydra.binary <add> %x0, %x1 : (" + type + ", " + type + ") -> " + type);
        break;
      case 2:  // windows, each read where it is written
        out += fusion(
            number, "rows", {a}, type,
            "hydra.head_mix %x0 {from_heads = 2 : i64, to_heads = 2 : i64, scale = 1.0 : f64} "
            ": (" +
                type + ") -> " + type);
        break;
      case 3:
        out += value(number) + " = hydra.matmul " + value(a) + ", " + value(b) + " accumulate " +
               value(c) + " : (" + type + ", " + type + ", " + type + ") -> " + type + "\n";
        break;
      case 4:
        out += value(number) + " = hydra.stop " + value(a) + " : (" + type + ") -> " + type + "\n";
        break;
      default:
        out += value(number) + " = hydra.constant dense<" + std::to_string(random() % 2) +
               ".0> : " + type + "\n";
        break;
    }
  }

  std::mt19937 random;
  std::string out;
  int count = 0;
  int scalarFrom = 1 << 20;
};

TEST(StorageAssignment, RandomProgramsKeepEveryValue) {
  DialectRegistry registry;
  registry.insert<hydra::HydraDialect, plan::PlanDialect, func::FuncDialect>();
  rows::registerRowBodyExternalModels(registry);
  MLIRContext context(registry);
  context
      .loadDialect<hydra::HydraDialect, rows::RowsDialect, plan::PlanDialect, func::FuncDialect>();
  int64_t inPlace = 0, copies = 0;
  for (unsigned seed = 0; seed < 600; ++seed) {
    std::string text = RandomProgram(seed).text();
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text;
    RegionSizes sizes;
    FailureOr<SharedLayout> shared = SharedLayout::create(*module, sizes);
    ASSERT_TRUE(succeeded(shared));
    ConstantPool constants(sizes);
    auto function = *module->getOps<func::FuncOp>().begin();
    KernelTable kernels(OpBuilder::atBlockBegin(module->getBody()));
    for (auto fusion : function.getOps<hydra::FusionOp>())
      ASSERT_TRUE(succeeded(kernels.add(fusion)));
    auto assignment = StorageAssignment::create(function, *shared, constants, kernels, sizes);
    ASSERT_TRUE(succeeded(assignment));
    EXPECT_TRUE(succeeded(checkAssignment(function, *assignment))) << "seed " << seed << "\n"
                                                                   << text;
    EXPECT_LE(assignment->getArenaBytes(), assignment->getValueBytes() + 4 * 256);
    inPlace += assignment->getNumInPlace();
    copies += static_cast<int64_t>(assignment->getFinalCopies().size());
  }
  // The programs exercised both ways.
  EXPECT_GT(inPlace, 1000);
  EXPECT_GT(copies, 200);
}

}  // namespace
}  // namespace mlir::plan
