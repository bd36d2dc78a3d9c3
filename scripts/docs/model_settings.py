#!/usr/bin/python3
"""The page of everything that a model can be told: each JSON key and each structural attribute, with type, range,
default and meaning, made of the code that reads them.

    model_settings.py SOURCE_DIR LLVM_TBLGEN MLIR_INCLUDE_DIR > model-settings.md

Fails where docs/config.md, which has the meaning of the keys, says another default than the code."""
import json
import os
import re
import subprocess
import sys

OPS = "dialects/hydra/HydraModelOps.td"
TYPES = {"64-bit signless integer attribute": "integer", "64-bit float attribute": "number", "bool attribute": "boolean",
         "string attribute": "text", "string array attribute": "texts"}
CONSTANTS = {"kMaxWidth": "2^24", "kMaxExtent": "2^31", "kMaxRepetition": "512", "kMaxRepetition - 1": "511",
             "kMaxSteps": "2^53", "1.0 / 1024": "1/1024"}


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def defaults(header):
    """Values of the fields of ModelConfig.h, as JSON writes them."""
    values = {}
    for kind, name, value in re.findall(r"^  ([\w:<>]+) (\w+)(?: = ([^;]+))?;", header, re.M):
        values[name] = "null" if kind.startswith("std::optional") else value
    return values


def in_range(arguments):
    if not arguments:
        return ""
    least, most = arguments
    if least == "-kNoLimit":
        return "any"
    return f"at least {least}" if most == "kNoLimit" else f"{least} to {most}"


def json_keys(source):
    """(key, type, range, default), in the order in which they are read."""
    code = read(source, "frontend/ModelConfig.cpp")
    for name, value in CONSTANTS.items():
        code = code.replace(f"{name})", f"{value})").replace(f"{name},", f"{value},")
    values = defaults(read(source, "frontend/ModelConfig.h"))
    for kind, key, field, rest in re.findall(
            r'reader\.(integer|number|optionalNumber|boolean|choice|text)\(\s*"(\w+)",\s*config\.([\w.]+)((?:,[^;]*)?)\);',
            code):
        arguments = [part.strip() for part in rest.split(",")[1:]]
        if kind == "choice":
            yield key, "text", " or ".join(re.findall(r'"(\w+)"', rest)), values[field]
        else:
            name = {"optionalNumber": "number or null"}.get(kind, kind)
            yield key, name, in_range(arguments), values[field.split(".")[-1]]


def meanings(source):
    """Default and meaning of each key, from the table of docs/config.md."""
    found = {}
    for row in read(source, "docs/config.md").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        if len(cells) != 3 or not cells[0].startswith("`"):
            continue
        keys = re.findall(r"`(\w+)`", cells[0])
        given = cells[1].split(", ")
        for key, default in zip(keys, given if len(given) == len(keys) else given * len(keys)):
            found[key] = (default.strip("`"), cells[2])
    return found


def structural_ops(source, tblgen, include):
    """(op, summary, [(attribute, type, default)]) of the model tier, in the order of the file."""
    records = json.loads(subprocess.run(
        [tblgen, "--dump-json", "-I", source, "-I", include, os.path.join(source, OPS)],
        check=True, capture_output=True, text=True).stdout)
    ops = [records[name] for name in records["!instanceof"]["Hydra_ModelOp"]]
    for op in sorted(ops, key=lambda op: int(op["!locs"][-1].rsplit(":", 1)[1])):
        attributes = []
        for value, name in op["arguments"]["args"]:
            record = records[value["def"]]
            if "Attr" not in record["!superclasses"]:
                continue
            default = record["defaultValue"]
            if default is None:
                default = "none" if record["isOptional"] else "**required**"
            else:
                default = f"`{default}`"
            summary = record["summary"]
            attributes.append((name, TYPES.get(summary, summary), default))
        yield op["opName"], op["summary"], op["description"] or "", attributes


def main():
    source, tblgen, include = sys.argv[1:4]
    told = meanings(source)
    print("# Model settings\n\nEverything that a model can be told, made of the code that reads it: keys of a JSON "
          "config, and attributes of the structural ops that a spec is written in. Unknown names are refused.\n")
    print("## JSON keys\n\n| key | type | range | default | meaning |\n|---|---|---|---|---|")
    count = 0
    # In the groups of docs/config.md.
    for key, kind, limits, default in sorted(json_keys(source), key=lambda row: list(told).index(row[0])
                                             if row[0] in told else -1):
        if key not in told:
            sys.exit(f"docs/config.md: expected a row for the key {key}")
        said, meaning = told[key]
        if said != default:
            sys.exit(f"docs/config.md: expected the default {default} of {key}, found {said}")
        print(f"| `{key}` | {kind} | {limits} | `{default}` | {meaning} |")
        count += 1
    if count != len(told):
        sys.exit(f"frontend/ModelConfig.cpp: expected the {len(told)} keys of docs/config.md, found {count}")
    print("\n## Structural attributes\n")
    for name, summary, description, attributes in structural_ops(source, tblgen, include):
        print(f"### hydra.{name}\n\n{summary}.\n")
        print("| attribute | type | default |\n|---|---|---|")
        for attribute, kind, default in attributes:
            print(f"| `{attribute}` | {kind} | {default} |")
        constraints = re.search(r"Constraints?: (.*)", " ".join(description.split()))
        print(f"\nConstraints: {constraints[1]}\n" if constraints else "")


if __name__ == "__main__":
    main()
