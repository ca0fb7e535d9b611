#!/usr/bin/env bash
# Installs what tests use besides npm packages: protoc, which decodes our exports independently.
set -euo pipefail
if command -v protoc >/dev/null; then
  protoc --version
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq protobuf-compiler >/dev/null
  protoc --version
  exit 0
fi
echo 'protoc is missing; install it (Debian: apt-get install protobuf-compiler, macOS: brew install protobuf)' >&2
exit 1
