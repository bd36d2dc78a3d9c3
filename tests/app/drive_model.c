/* Drives a model through libhydra: every function, and what each refuses.
 *   drive_model ARTIFACT|CHECKPOINT [WEIGHTS.safetensors [TEXT]]
 * With a text, the loss of the loaded weights on its first bytes, as windows that follow each
 * other; of a checkpoint's own weights, too. Prints one "name value" per line; ends with 1 and a
 * line on stderr if something is not as it should be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/app/hydra.h"

#define CHECK(condition)                                                                          \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      fprintf(stderr, "line %d: %s; last error: %s\n", __LINE__, #condition, hydra_last_error()); \
      exit(1);                                                                                    \
    }                                                                                             \
  } while (0)

/* The first entry of a name, e.g. "eval", in the model's variant if it has that; without the
 * variant in its name. Valid until the next call. */
static const char* Find(const hydra_model* model, const char* name) {
  static char found[64];
  found[0] = 0;
  for (size_t i = 0; i < hydra_model_entry_count(model); ++i) {
    const char* entry = hydra_model_entry(model, i);
    if (strncmp(entry, name, strlen(name)) != 0 || entry[strlen(name)] != '@') continue;
    const char* variant = strchr(entry, ':');
    const int ours = variant != NULL && strcmp(variant + 1, hydra_model_variant(model)) == 0;
    CHECK(strlen(entry) < sizeof(found));
    if (found[0] == 0 || ours) strcpy(found, entry);
    if (ours) *strchr(found, ':') = 0;
  }
  return found[0] == 0 ? NULL : found;
}

/* Writes the same pattern of bytes to every i32 input. */
static void WriteInputs(hydra_launch* launch) {
  for (size_t i = 0; i < hydra_launch_input_count(launch); ++i) {
    hydra_tensor tensor;
    CHECK(hydra_launch_input(launch, i, &tensor) == HYDRA_OK);
    CHECK(tensor.type == HYDRA_I32);
    int32_t* values = malloc(tensor.bytes);
    const int shift = strcmp(tensor.name, "targets") == 0;
    for (uint64_t j = 0; j < tensor.bytes / 4; ++j) values[j] = (int32_t)((j + shift) * 7 % 251);
    CHECK(hydra_launch_write(launch, tensor.name, values, tensor.bytes) == HYDRA_OK);
    CHECK(hydra_launch_write(launch, tensor.name, values, tensor.bytes - 4) == HYDRA_USAGE);
    free(values);
  }
}

/* The next token of each byte is the byte behind it. */
static void WriteText(hydra_launch* launch, const char* path) {
  for (size_t i = 0; i < hydra_launch_input_count(launch); ++i) {
    hydra_tensor tensor;
    CHECK(hydra_launch_input(launch, i, &tensor) == HYDRA_OK);
    int32_t* values = malloc(tensor.bytes);
    FILE* file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(strcmp(tensor.name, "targets") != 0 || fgetc(file) != EOF);
    for (uint64_t j = 0; j < tensor.bytes / 4; ++j) {
      values[j] = fgetc(file);
      CHECK(values[j] != EOF);
    }
    fclose(file);
    CHECK(hydra_launch_write(launch, tensor.name, values, tensor.bytes) == HYDRA_OK);
    free(values);
  }
}

static float Evaluate(hydra_launch* launch) {
  float loss = 0;
  CHECK(hydra_launch_run(launch) == HYDRA_OK);
  CHECK(hydra_launch_read(launch, "loss.ce", &loss, sizeof(loss)) == HYDRA_OK);
  CHECK(isfinite(loss));
  return loss;
}

static void Put(hydra_launch* launch, const char* name, const int32_t* values, size_t count) {
  CHECK(hydra_launch_write(launch, name, values, count * sizeof(int32_t)) == HYDRA_OK);
}

/* Writes a few tokens with extend: greedy is the likeliest, and a drawn token is drawn again. */
static void Decode(hydra_model* model) {
  hydra_launch* launch;
  hydra_tensor logits;
  CHECK(hydra_launch_open(model, Find(model, "extend"), &launch) == HYDRA_OK);
  CHECK(hydra_launch_output(launch, 1, &logits) == HYDRA_OK);
  CHECK(strcmp(logits.name, "last_logits") == 0 && logits.rank == 2 && logits.shape[0] == 1);
  float* values = malloc(logits.bytes);
  WriteInputs(launch);
  const int32_t one = 1, seed[2] = {7, 0};
  Put(launch, "count", &one, 1);
  Put(launch, "seed", seed, 2);
  Put(launch, "sequence", &one, 1);
  int32_t drawn[2] = {-1, -1};
  for (int pass = 0; pass < 3; ++pass) {
    CHECK(hydra_model_set_control(model, "temperature", pass == 0 ? 0.0 : 1.0) == HYDRA_OK);
    for (int32_t position = 0; position < 4; ++position) {
      int32_t next = -1;
      Put(launch, "position", &position, 1);
      CHECK(hydra_launch_run(launch) == HYDRA_OK);
      CHECK(hydra_launch_read(launch, "next_token", &next, sizeof(next)) == HYDRA_OK);
      CHECK(hydra_launch_read(launch, "last_logits", values, logits.bytes) == HYDRA_OK);
      CHECK(next >= 0 && next < logits.shape[1]);
      if (pass > 0) {
        drawn[pass - 1] = next;
        continue;
      }
      for (int64_t i = 0; i < logits.shape[1]; ++i) CHECK(values[i] <= values[next]);
    }
  }
  CHECK(drawn[0] == drawn[1]);
  printf("drawn %d\n", (int)drawn[0]);
  CHECK(hydra_model_set_control(model, "tempo", 1.0) == HYDRA_USAGE);
  CHECK(strstr(hydra_last_error(), "temperature") != NULL);
  free(values);
  hydra_launch_close(launch);
}

int main(int argc, char** argv) {
  hydra_model* model = (hydra_model*)1;
  hydra_launch* launch = (hydra_launch*)1;
  hydra_tensor tensor;
  CHECK(argc >= 2 && argc <= 4);
  CHECK(strlen(hydra_version()) > 0);

  CHECK(hydra_model_open("/nowhere/model.hydra", 1, &model) == HYDRA_INPUT && model == NULL);
  CHECK(strstr(hydra_last_error(), "/nowhere/model.hydra") != NULL);
  CHECK(hydra_model_open(NULL, 1, &model) == HYDRA_USAGE);
  CHECK(hydra_model_open(argv[1], -1, &model) == HYDRA_USAGE);
  CHECK(hydra_model_open(argv[1], 2, &model) == HYDRA_OK && model != NULL);
  CHECK(strcmp(hydra_last_error(), "") == 0);

  CHECK(hydra_model_entry(model, hydra_model_entry_count(model)) == NULL);
  for (size_t i = 0; i < hydra_model_entry_count(model); ++i) {
    printf("entry %s\n", hydra_model_entry(model, i));
  }
  CHECK(hydra_launch_open(model, "fly@1x1", &launch) == HYDRA_USAGE && launch == NULL);
  CHECK(strstr(hydra_last_error(), "eval@") != NULL);

  CHECK(hydra_model_variant(NULL) == NULL);
  printf("variant %s\n", hydra_model_variant(model)[0] ? hydra_model_variant(model) : "none");
  CHECK(hydra_launch_open(model, Find(model, "eval"), &launch) == HYDRA_OK);
  if (argc > 3) {
    WriteText(launch, argv[3]);
    printf("opened %.9g\n", Evaluate(launch));
  }

  CHECK(hydra_model_initialize(model, 1) == HYDRA_OK);
  WriteInputs(launch);
  const float first = Evaluate(launch);
  printf("loss %.9g\n", first);
  CHECK(Evaluate(launch) == first); /* inputs keep their values */
  CHECK(hydra_launch_output(launch, hydra_launch_output_count(launch), &tensor) == HYDRA_USAGE);
  CHECK(hydra_launch_read(launch, "nothing", &tensor, 4) == HYDRA_INPUT);
  for (size_t i = 0; i < hydra_launch_output_count(launch); ++i) {
    CHECK(hydra_launch_output(launch, i, &tensor) == HYDRA_OK);
    void* values = malloc(tensor.bytes);
    CHECK(hydra_launch_read(launch, tensor.name, values, tensor.bytes) == HYDRA_OK);
    free(values);
  }

  CHECK(hydra_model_initialize(model, 2) == HYDRA_OK);
  CHECK(Evaluate(launch) != first);
  if (argc > 2) {
    CHECK(hydra_model_load_weights(model, argv[2]) == HYDRA_OK);
    printf("loaded %.9g\n", Evaluate(launch));
  }
  if (Find(model, "extend") != NULL) Decode(model);
  if (argc > 3) {
    WriteText(launch, argv[3]);
    printf("text %.9g\n", Evaluate(launch));
  }
  CHECK(hydra_model_load_weights(model, argv[1]) == HYDRA_INPUT);
  CHECK(strstr(hydra_last_error(), argv[1]) != NULL);
  CHECK(hydra_model_reset_cache(model) == HYDRA_OK);
  hydra_launch_close(launch);
  hydra_launch_close(NULL);
  hydra_model_close(model);
  hydra_model_close(NULL);
  return 0;
}
