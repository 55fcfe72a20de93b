# Read by the scripts beside it: one folder of Node packages for all of them, target/outside/node.
# needs_node PACKAGE…: installs what is not there yet. Sets $node. 77 where this machine has no Node.
needs_node() {
  node=$root/target/outside/node
  command -v node >/dev/null && command -v npm >/dev/null || return 77
  mkdir -p "$node"
  [ -e "$node/package.json" ] || echo '{ "private": true, "type": "module" }' >"$node/package.json"
  local package missing=()
  for package in "$@"; do
    [ -e "$node/node_modules/$package/package.json" ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  npm install --prefix "$node" --silent --no-audit --no-fund "${missing[@]}" >/dev/null || return 1
}

# version_of PACKAGE: what is installed of it.
version_of() { sed -n 's/^ *"version": "\([^"]*\)".*/\1/p' "$node/node_modules/$1/package.json" | head -1; }
