#!/usr/bin/env bash
# Installs what the benchmark compares Sidelight with, and the native load generator: nginx, haproxy and wrk
# from Debian, and the bridges from npm (bench/peers, apart from the project's own packages). What cannot be
# installed is named, and left out of a run.
set -euo pipefail
cd "$(dirname "$0")"

packages=()
command -v nginx >/dev/null || packages+=(nginx-light)
command -v haproxy >/dev/null || packages+=(haproxy)
command -v wrk >/dev/null || packages+=(wrk)

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Installed for their programs alone: no service of theirs may start.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod +x "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  else
    echo "missing: ${packages[*]} (Debian: apt-get install ${packages[*]}; macOS: brew install nginx haproxy wrk)" >&2
  fi
fi

npm ci --prefix peers
