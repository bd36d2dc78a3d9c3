#!/usr/bin/python3
"""The page of all commands of hydra-run with their flags, types and defaults, and of all settings, made of what the
program says about itself.

    commands.py HYDRA_RUN > commands.md"""
import json
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def main():
    program = sys.argv[1]
    print("# Commands of hydra-run\n\nEvery command, argument, flag and setting, as the program lists them "
          "(`--list-flags`, `train --help-settings`).\n")
    for command in json.loads(output(program, "--list-flags"))["commands"]:
        print(f"## hydra-run {command['command']}\n".replace(" \n", "\n"))
        print(f"{command['help']}\n")
        print("| argument | type | default | meaning |\n|---|---|---|---|")
        for flag in command["flags"]:
            default = "**required**" if flag["required"] else cell(flag["default"])
            kind = "" if flag["type"] == "FLAG" else cell(flag["type"])
            print(f"| `{flag['name']}` | {kind} | {default} | {cell(flag['help'])} |")
        print()
    print("## Settings\n\n```text\n" + output(program, "train", "--help-settings").rstrip() + "\n```")


if __name__ == "__main__":
    main()
