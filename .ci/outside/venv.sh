# shellcheck shell=bash disable=SC2154
# Read by the scripts beside it: one virtual environment for all of them, in target/outside/venv.
# needs PACKAGE…: installs what is not there yet. Sets $venv.
needs() {
  venv=$root/target/outside/venv
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || return 1
  local package missing=()
  for package in "$@"; do
    [ -e "$venv/has-$package" ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  "$venv/bin/pip" install -q --disable-pip-version-check "${missing[@]}" || return 1
  for package in "${missing[@]}"; do touch "$venv/has-$package"; done
}
