#!/usr/bin/env bash
# Installs what tests use besides npm packages, where that can be done; names what is missing elsewhere.
set -euo pipefail

# Debian packages that are still to be installed, and what to do where there is no apt-get.
packages=()
missing=()

# need COMMAND DEBIAN_PACKAGE WHAT_FOR
need() {
  command -v "$1" >/dev/null && return
  packages+=("$2")
  missing+=("$1 is missing: $3 (Debian: apt-get install $2)")
}

need protoc protobuf-compiler 'decodes our exports independently; macOS: brew install protobuf'

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  else
    printf '%s\n' "${missing[@]}" >&2
    exit 1
  fi
fi

protoc --version
