#!/usr/bin/python3
"""Logits of a checkpoint through libhydra. Standard library only.

    library_logits.py LIBHYDRA CHECKPOINT ENTRY TOKENS LOGITS

ENTRY is one of eval, such as eval@2x48; TOKENS holds its ids as int32, LOGITS is written as float32.
"""
import ctypes
import os
import sys


class Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("rank", ctypes.c_size_t),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("bytes", ctypes.c_uint64)]


def main():
    library, checkpoint, entry, tokens, out = sys.argv[1:]
    hydra = ctypes.CDLL(library)
    hydra.hydra_last_error.restype = ctypes.c_char_p
    hydra.hydra_launch_output_count.restype = ctypes.c_size_t

    def call(function, *arguments):
        if getattr(hydra, function)(*arguments) != 0:
            sys.exit(f"{function}: {hydra.hydra_last_error().decode()}")

    model, launch, tensor = ctypes.c_void_p(), ctypes.c_void_p(), Tensor()
    call("hydra_model_open", os.fsencode(checkpoint), 1, ctypes.byref(model))
    call("hydra_launch_open", model, entry.encode(), ctypes.byref(launch))
    with open(tokens, "rb") as file:
        ids = file.read()
    for name in (b"tokens", b"targets"):
        call("hydra_launch_write", launch, name, ids, ctypes.c_uint64(len(ids)))
    call("hydra_launch_run", launch)
    for index in range(hydra.hydra_launch_output_count(launch)):
        call("hydra_launch_output", launch, ctypes.c_size_t(index), ctypes.byref(tensor))
        if tensor.name == b"logits":
            break
    else:
        sys.exit(f"{entry} of {checkpoint} has no output logits")
    logits = ctypes.create_string_buffer(tensor.bytes)
    call("hydra_launch_read", launch, b"logits", logits, ctypes.c_uint64(tensor.bytes))
    with open(out, "wb") as file:
        file.write(logits.raw)
    hydra.hydra_launch_close(launch)
    hydra.hydra_model_close(model)


if __name__ == "__main__":
    main()
