# Sourced by the scripts beside it: makes .venv from the hash-pinned lock and says what is missing.
# Everything it prints goes to standard error, so that `--json` output stays one document.
# Needs bash and python3 >= 3.11 with venv and pip; nothing else.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${CARGOLEDGER_VENV:-$root/.venv}
python=$venv/bin/python

say() { printf '%s\n' "$*" >&2; }
die() { printf 'cargoledger: %s\n' "$*" >&2; exit 2; }

find_python() {
  # coincurve and others ship wheels for 3.11 to 3.13; on a newer Python they would have to be compiled.
  local candidate
  for candidate in "${CARGOLEDGER_PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
      && { printf '%s' "$candidate"; return 0; }
  done
  return 1
}

bootstrap() {
  local base stamp want fault
  # Python compiles what it imports: once, into our own environment, whatever is set for others. Else every start of
  # a command takes seconds, and a test run starts hundreds.
  unset PYTHONDONTWRITEBYTECODE
  export PYTHONPYCACHEPREFIX=$venv/pycache
  if ! base=$(find_python); then
    have=$(python3 --version 2>&1 || echo 'no python3 at all')
    die "needs Python 3.11, 3.12 or 3.13, found: $have. Install one, or name it in CARGOLEDGER_PYTHON."
  fi
  stamp=$venv/.cargoledger-lock
  want=$( { "$base" --version; cat "$root/requirements.lock" "$root/scripts/lib/uv.txt"; printf '%s' "$root"; } | cksum)
  if [ -x "$python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return 0; fi

  # Two scripts started at once must not build one environment twice; a lock whose owner died is taken over.
  venv_lock=$venv.lock
  local waited=0 owner
  until mkdir "$venv_lock" 2>/dev/null; do
    owner=$(cat "$venv_lock/pid" 2>/dev/null || true)
    if [ "$waited" -gt 2 ] && { [ -z "$owner" ] || ! kill -0 "$owner" 2>/dev/null; }; then rm -rf "$venv_lock"; continue; fi
    [ "$waited" -eq 0 ] && say "Waiting for another script (process ${owner:-starting}) that prepares $venv ..."
    sleep 1; waited=$((waited + 1)); [ "$waited" -gt 600 ] && die "gave up waiting for $venv_lock"
  done
  echo $$ >"$venv_lock/pid"
  trap 'rm -rf "$venv_lock"' EXIT

  say "Preparing the Python environment in $venv (once; about half a minute) ..."
  fault=$(mktemp)
  if [ ! -x "$python" ]; then
    "$base" -m venv "$venv" >"$fault" 2>&1 || {
      cat "$fault" >&2; rm -f "$fault"
      die "python3 could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv."
    }
  fi
  say "  1/3 uv (installer)"
  "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$root/scripts/lib/uv.txt" >"$fault" 2>&1 || {
    tail -n 5 "$fault" >&2; rm -f "$fault"
    die "could not install the installer. Is a package registry reachable? A mirror is named with PIP_INDEX_URL, a proxy with HTTPS_PROXY."
  }
  say "  2/3 locked packages (every one checked against its hash)"
  # uv reads its own variables for a mirror and a certificate bundle; people have set pip's.
  local index=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}}}
  [ -n "$index" ] && export UV_DEFAULT_INDEX=$index
  [ -z "${SSL_CERT_FILE:-}" ] && [ -n "${PIP_CERT:-}" ] && export SSL_CERT_FILE=$PIP_CERT
  UV_LINK_MODE=${UV_LINK_MODE:-copy} UV_NO_PROGRESS=1 \
    "$venv/bin/uv" pip sync --quiet --python "$python" --require-hashes "$root/requirements.lock" >"$fault" 2>&1 || {
    tail -n 15 "$fault" >&2; rm -f "$fault"
    die "could not install the locked packages. What was fetched is kept; run the same command again once the registry answers."
  }
  say "  3/3 the cargoledger command"
  local site; site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  printf '%s\n' "$root" >"$site/cargoledger.pth"
  printf '#!%s\nimport sys\nfrom api.cli.main import main\nsys.exit(main())\n' "$python" >"$venv/bin/cargoledger"
  chmod +x "$venv/bin/cargoledger"
  printf '%s' "$want" >"$stamp"
  rm -f "$fault"; rm -rf "$venv_lock"; trap - EXIT
  say "Ready."
}
