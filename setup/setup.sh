#!/bin/bash
# Installs the packages of setup/packages.txt that are missing. Silent when none is. Without root it
# prints the command to run and stops with exit 1.
set -euo pipefail
list="$(dirname "$0")/packages.txt"

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system; install the equivalents of $list by hand," >&2
  echo "setup: see docs/ for Ubuntu 24.04" >&2
  exit 1
fi

required=()
optional=()
while read -r first second _; do
  case "$first" in
    '' | '#'*) ;;
    '?') optional+=("$second") ;;
    *) required+=("$first") ;;
  esac
done < "$list"

# Prints those of its arguments that are not installed.
missing_of() {
  local installed
  # dpkg-query fails if it knows nothing about one of the names; what it prints still counts.
  installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
  local name
  for name in "$@"; do
    [[ "$installed" == *" installed:$name "* ]] || echo "$name"
  done
}

# Prints those of its arguments that apt could install. The whole answer is read before it is searched:
# a reader that stops early would end apt-cache by SIGPIPE, and pipefail would call that "not available".
available_of() {
  local name policy
  for name in "$@"; do
    policy="$(apt-cache policy "$name" 2>/dev/null || true)"
    if [[ "$policy" =~ Candidate:\ [0-9] ]]; then echo "$name"; fi
  done
}

# Required packages alone, for a machine that has to do with little (and for the tests of that case).
if [[ "${HYDRA_OPTIONAL:-1}" == 0 ]]; then optional=(); fi

mapfile -t missing < <(missing_of "${required[@]}")
mapfile -t wanted < <(missing_of "${optional[@]}")
if ((${#missing[@]} == 0 && ${#wanted[@]} == 0)); then
  exit 0
fi

if ((EUID != 0)); then
  mapfile -t wanted < <(available_of "${wanted[@]}")
  if ((${#missing[@]} == 0)); then
    ((${#wanted[@]} == 0)) || echo "setup: optional: sudo apt-get install -y ${wanted[*]}" >&2
    exit 0
  fi
  echo "setup: missing packages; run this, then try again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y ${missing[*]} ${wanted[*]}" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# Package lists may be absent (fresh image) or too old to know the newest versions.
if ((${#missing[@]} > 0)) || [[ -z "$(available_of "${wanted[@]}")" ]]; then
  apt-get update -qq || echo "setup: apt-get update failed; going on with the lists there are" >&2
fi
mapfile -t wanted < <(available_of "${wanted[@]}")
if ((${#missing[@]} + ${#wanted[@]} > 0)); then
  echo "setup: installing ${missing[*]} ${wanted[*]}" >&2
  apt-get install -y -qq "${missing[@]}" "${wanted[@]}" >&2
fi
