// --arch: names that target cpu does not know, or not yet, are refused with what is known.
// RUN: not hydra-opt %s --arch=pentium -o %t.hydra 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: --arch: expected native, x86-64-v3, x86-64-v4, x86-64-v4-bf16, sapphirerapids, found 'pentium'
// RUN: not hydra-opt %s --arch=sm_90 -o %t.hydra 2>&1 | FileCheck %s --check-prefix=GPU
// GPU: --arch: 'sm_90' (H100, compute capability 9.0) is an architecture of --target=cuda; add that, or give one of native, x86-64-v3
// RUN: not hydra-opt %s --arch=sm_70 -o %t.hydra 2>&1 | FileCheck %s --check-prefix=OLD
// OLD: --arch: 'sm_70' is none of the NVIDIA architectures that HYDRA knows, sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
// RUN: hydra-opt --help | FileCheck %s --check-prefix=HELP
// HELP: --arch=LEVEL
// HELP-SAME: native, x86-64-v3, x86-64-v4, x86-64-v4-bf16, sapphirerapids

// Every level is a section of its own, native beside others is not dropped, and none appears twice.
// RUN: hydra-opt %s --arch=x86-64-v3 --arch=x86-64-v4-bf16 --arch=x86-64-v3 -o %t.hydra
// RUN: hydra-run inspect %t.hydra --json | FileCheck %s --check-prefix=LEVELS
// LEVELS: "isa_levels":
// LEVELS-NEXT: "x86-64-v3",
// LEVELS-NEXT: "x86-64-v4-bf16"
// LEVELS-NEXT: ]
func.func @f(%x: tensor<4x40xf32>) -> tensor<4x40xf32> {
  %r = hydra.unary <exp> %x : (tensor<4x40xf32>) -> tensor<4x40xf32>
  return %r : tensor<4x40xf32>
}
