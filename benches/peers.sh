#!/usr/bin/env bash
# Installs the programs that `cargo bench --bench performance` measures beside, from package registries, into target/peers
# (or the folder given): gitui, delta and difftastic by cargo, promptfoo by npm, tig by the system's package manager.
# What cannot be had is left out here and SKIPPED there. Takes about a quarter of an hour on two cores.
set -uo pipefail
cd "$(dirname "$0")/.."
to=$(realpath -m "${1:-target/peers}")
mkdir -p "$to"
try() { "$@" || echo "left out: $*" >&2; }
for crate in git-delta@0.20.1 difftastic@0.72.0 gitui@0.28.1; do
  try cargo install --quiet --locked --root "$to" "$crate"
done
command -v npm >/dev/null && try npm install --silent --no-audit --no-fund --prefix "$to" promptfoo@0.121.20
command -v tig >/dev/null || try apt-get install -y -q tig
ls "$to/bin" "$to/node_modules/.bin/promptfoo" 2>/dev/null
