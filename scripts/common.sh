# SPDX-License-Identifier: Apache-2.0
# What the scripts share: messages, missing Debian packages, sizes. Sourced, never run.

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# 1117320768 -> 1,066 MiB
mib() { printf '%d MiB' $((($1 + 1048575) / 1048576)) | sed -E ':a; s/([0-9])([0-9]{3})([, ])/\1,\2\3/; ta'; }

# Installs the packages that are not there yet; says nothing and needs no rights when all are.
ensure_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "These Debian packages are missing and there is no sudo to install them; as root run: apt-get install --no-install-recommends ${missing[*]}"
    root=(sudo)
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${root[@]}" apt-get update -qq &&
         "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
       >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: ${missing[*]}. Its last lines are above."
  fi
  rm -f "$log"
}

# The package names of a list file: one a line, the rest of a line after # is a comment.
packages_in() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1"; }

# Runs a command quietly; its output is shown only when it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [ $status -eq 0 ] || tail -n 40 "$log" >&2
  rm -f "$log"
  return $status
}

# Reads ninja's output, keeps it in the file LOG and says how far the build is: every tenth, and on a
# terminal in one line that is written over.
show_progress() {
  local log=$1 line percent said=0 shown=
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    [ "${BASH_REMATCH[2]}" -ge 20 ] || continue  # a handful of steps is over before it is read
    percent=$((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    if [ -t 1 ]; then
      printf '\r  compiling: %d %%' "$percent"
      shown=1
    elif [ $((percent / 10)) -gt "$said" ]; then
      said=$((percent / 10))
      say "  compiling: ${said}0 %"
    fi
  done
  [ -z "$shown" ] || printf '\r\033[K'
}

# build_preset ROOT PRESET [TARGET...]: every target when none is named.
build_preset() {
  local root=$1 preset=$2 log
  shift 2
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  cd "$root"
  if [ ! -f "build/$preset/build.ninja" ]; then
    say "Configuring the $preset build; compiling it takes some minutes the first time."
    quietly cmake --preset "$preset" || die "The $preset build could not be configured; the last lines are above."
  fi
  log=$(mktemp)
  if ! cmake --build --preset "$preset" "${targets[@]}" 2>&1 </dev/null | show_progress "$log"; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Building|Automatic|Linking)' "$log" | tail -n 40 >&2
    rm -f "$log"
    die "The $preset build failed; the compiler's words are above."
  fi
  rm -f "$log"
}
