"""docs/config.md lists every key that the config reader knows, with its default, and no other.

config_keys_test.py SOURCE_DIR
"""
import re
import sys


def main():
    source = sys.argv[1]
    with open(f"{source}/frontend/ModelConfig.cpp", encoding="utf-8") as file:
        known = set(re.findall(r'reader\.(?:integer|number|optionalNumber|boolean|choice|text)\(\s*"(\w+)"',
                               file.read()))
    with open(f"{source}/docs/config.md", encoding="utf-8") as file:
        rows = [row for row in file.read().splitlines() if row.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    for what, keys in (("undocumented", known - documented), ("unknown", documented - known)):
        if keys:
            sys.exit(f"docs/config.md: {what} keys: {', '.join(sorted(keys))}")
    if len(known) < 30:
        sys.exit(f"frontend/ModelConfig.cpp: expected to find its keys, found {len(known)}")
    for row in rows:
        if not row.split("|")[2].strip():
            sys.exit(f"docs/config.md: expected a default in the row: {row}")


if __name__ == "__main__":
    main()
