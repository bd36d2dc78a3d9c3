#!/usr/bin/python3
"""Checks that nobody above runtime/hal sees where device memory is.

    check_device_memory.py ROOT

The device interface (runtime/hal/device.h) hands out no address of a buffer, and no source file of
the runtime outside runtime/hal, nor of the tools, asks for one (`host_data`, `HostBuffer`, a cast to
a driver's buffer). Exit 1 if something fails.
"""
import os
import re
import sys

INTERFACE = "runtime/hal/device.h"
SOURCES = (".h", ".cc", ".cpp", ".c")
ADDRESS = re.compile(r"\bhost_data\b|\bHostBuffer\b|cast<[^>]*\bhal::\w*Buffer\b")
BUFFER = re.compile(r"^class Buffer \{\n(.*?)^\};", re.DOTALL | re.MULTILINE)


def check(root):
    with open(os.path.join(root, INTERFACE), encoding="utf-8") as file:
        buffer = BUFFER.search(file.read())
    if not buffer:
        return [f"{INTERFACE}:1: expected class Buffer; does check_device_memory.py still read it?"]
    complaints = [f"{INTERFACE}:1: Buffer hands out an address: {line.strip()}"
                  for line in buffer.group(1).splitlines()
                  if "*" in line or "&" in line or "Span" in line]
    for layer in ("runtime", "tools"):
        for folder, _, files in sorted(os.walk(os.path.join(root, layer))):
            relative = os.path.relpath(folder, root)
            if relative == "runtime/hal" or relative.startswith("runtime/hal/"):
                continue
            for name in sorted(files):
                if not name.endswith(SOURCES):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as lines:
                    for number, line in enumerate(lines, 1):
                        found = ADDRESS.search(line)
                        if found:
                            complaints.append(
                                f"{relative}/{name}:{number}: expected no address of device memory "
                                f"above runtime/hal, found '{found.group(0)}'; use Stage and Fetch, "
                                "or Device::Read and Write")
    return complaints


def main():
    complaints = check(sys.argv[1])
    print("\n".join(complaints) or "device memory stays in the drivers")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
