/* libhydra: HYDRA artifacts from C. Load a model, list its entries, bind inputs, run, read outputs.
 *
 * Handles are opaque. A function that can fail returns a hydra_status; HYDRA_OK is 0 and the other
 * values are the exit codes of hydra-run. hydra_last_error() then says what was expected, what was
 * found, where, and what to do next. A model and its launches belong to one thread at a time;
 * different models may be used by different threads. No function throws. */
#ifndef HYDRA_RUNTIME_APP_HYDRA_H_
#define HYDRA_RUNTIME_APP_HYDRA_H_

/* Names are those of C. NOLINTBEGIN(readability-identifier-naming) */
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HYDRA_API __attribute__((visibility("default")))
#else
#define HYDRA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  HYDRA_OK = 0,
  HYDRA_FAILURE = 1,
  HYDRA_USAGE = 2,
  HYDRA_INPUT = 3,
  HYDRA_OUT_OF_MEMORY = 4,
  HYDRA_NUMERICAL = 5
} hydra_status;

typedef enum {
  HYDRA_F32 = 0,
  HYDRA_I32 = 1,
  HYDRA_BF16 = 2,
  HYDRA_F64 = 3,
  HYDRA_U8 = 4
} hydra_type;

typedef struct hydra_model hydra_model;
typedef struct hydra_launch hydra_launch;

/* Valid as long as the launch it came from. */
typedef struct {
  const char* name;
  hydra_type type;
  size_t rank;
  const int64_t* shape; /* rank numbers; row-major */
  uint64_t bytes;
} hydra_tensor;

/* The program's version, static. */
HYDRA_API const char* hydra_version(void);

/* Why the last call on this thread failed; "" after one that did not. Valid until the next call. */
HYDRA_API const char* hydra_last_error(void);

/* Opens an artifact (.hydra), whose weights are zero until they are initialized or loaded, or a
 * bundle, checkpoint or run directory with its weights, on the device it was compiled for. threads:
 * workers, 0 for all processors. *model is NULL on failure. */
HYDRA_API hydra_status hydra_model_open(const char* path, int threads, hydra_model** model);
/* Launches of the model must be closed before. NULL is allowed. */
HYDRA_API void hydra_model_close(hydra_model* model);

/* Weights: initial values of a seed, or a safetensors file under state-dict names. */
HYDRA_API hydra_status hydra_model_initialize(hydra_model* model, uint64_t seed);
HYDRA_API hydra_status hydra_model_load_weights(hydra_model* model, const char* path);
/* Clears the decoding state of all sequences. A sequence that begins at position 0 needs none of it
 * cleared. */
HYDRA_API hydra_status hydra_model_reset_cache(hydra_model* model);
/* A value of the control block for the runs that follow, e.g. "temperature" of extend entries.
 * HYDRA_USAGE if the program has none of that name. */
HYDRA_API hydra_status hydra_model_set_control(hydra_model* model, const char* name, double value);

/* Entries by number, e.g. "eval@8x256"; NULL beyond the last. Valid as long as the model. */
HYDRA_API size_t hydra_model_entry_count(const hydra_model* model);
HYDRA_API const char* hydra_model_entry(const hydra_model* model, size_t index);

/* The variant of entries that are named without one: of a checkpoint, that of its last step. "" if
 * the program has no variants. Valid as long as the model. */
HYDRA_API const char* hydra_model_variant(const hydra_model* model);

/* Prepares an entry, named as hydra_model_entry names it; without its variant ("eval@8x256"), that
 * of hydra_model_variant. *launch is NULL on failure. */
HYDRA_API hydra_status hydra_launch_open(hydra_model* model, const char* entry,
                                         hydra_launch** launch);
HYDRA_API void hydra_launch_close(hydra_launch* launch);

HYDRA_API size_t hydra_launch_input_count(const hydra_launch* launch);
HYDRA_API size_t hydra_launch_output_count(const hydra_launch* launch);
/* HYDRA_USAGE beyond the last. */
HYDRA_API hydra_status hydra_launch_input(const hydra_launch* launch, size_t index,
                                          hydra_tensor* tensor);
HYDRA_API hydra_status hydra_launch_output(const hydra_launch* launch, size_t index,
                                           hydra_tensor* tensor);

/* Copies a whole input for the next run; it keeps its value until it is written again. `bytes` must
 * be the tensor's. */
HYDRA_API hydra_status hydra_launch_write(hydra_launch* launch, const char* input,
                                          const void* values, uint64_t bytes);
/* Runs the entry and waits. */
HYDRA_API hydra_status hydra_launch_run(hydra_launch* launch);
/* Copies a whole output of the last run. `bytes` must be the tensor's. */
HYDRA_API hydra_status hydra_launch_read(hydra_launch* launch, const char* output, void* values,
                                         uint64_t bytes);

/* The commands of hydra-run as functions. Each runs in a process of its own: hydra-run must stand
 * beside the program or in PATH. Texts are given to the caller, who frees them. */

/* The names of the tools, sorted, each with a newline behind it: "bench", "checkpoint export", ...
 * *names is NULL on failure. */
HYDRA_API hydra_status hydra_list_tools(char** names);
/* Runs a tool with the arguments of its command line and waits. *json is the object that it prints
 * with --json, NULL if it has none. The status is the tool's exit code: a check that did not hold
 * is HYDRA_FAILURE and has a result all the same. HYDRA_USAGE for a name that is none. */
HYDRA_API hydra_status hydra_run_tool(const char* name, const char* const* arguments, size_t count,
                                      char** json);
/* NULL is allowed. */
HYDRA_API void hydra_text_free(char* text);

#ifdef __cplusplus
}
#endif
/* NOLINTEND(readability-identifier-naming) */

#endif /* HYDRA_RUNTIME_APP_HYDRA_H_ */
