// Fuzz entries of the data formats: each takes arbitrary bytes and must only ever return.
#ifndef HYDRA_TESTS_IO_FUZZ_ENTRIES_H_
#define HYDRA_TESTS_IO_FUZZ_ENTRIES_H_

#include <cstddef>
#include <cstdint>

namespace hydra {

// Parses the bytes, reads everything the parser let through, checks what it promises (aborting if
// a promise is broken), and reports whether the input was accepted.
bool Fuzz_safetensors(const uint8_t* data, size_t size);
bool Fuzz_json(const uint8_t* data, size_t size);
bool Fuzz_artifact(const uint8_t* data, size_t size);  // tests/artifact
// tests/data
bool Fuzz_tokenizer_json(const uint8_t* data, size_t size);
bool Fuzz_sentencepiece(const uint8_t* data, size_t size);
bool Fuzz_tokens(const uint8_t* data, size_t size);
bool Fuzz_jsonl(const uint8_t* data, size_t size);
bool Fuzz_dataset(const uint8_t* data, size_t size);
// tests/train
bool Fuzz_checkpoint(const uint8_t* data, size_t size);
bool Fuzz_manifest(const uint8_t* data, size_t size);
bool Fuzz_run_record(const uint8_t* data, size_t size);
bool Fuzz_weights_index(const uint8_t* data, size_t size);
// tests/frontend
bool Fuzz_spec(const uint8_t* data, size_t size);
bool Fuzz_config(const uint8_t* data, size_t size);

}  // namespace hydra

#endif  // HYDRA_TESTS_IO_FUZZ_ENTRIES_H_
