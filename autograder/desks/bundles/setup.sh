#!/usr/bin/env bash
# Installs what grading needs into /opt/vae-course, once, when the image is built. Holds no key.
set -euo pipefail
cd "$(dirname "$0")"

newest() {
  for name in python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null &&
      "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

python=$(newest)
if [ -z "$python" ] && command -v apt-get >/dev/null; then
  apt-get update
  apt-get install -y --no-install-recommends python3 python3-venv
  python=$(newest)
fi
if [ -z "$python" ]; then
  echo "Python 3.11 or newer is needed, with venv: choose a base image that has it, such as" \
    "Ubuntu 24.04 (on Gradescope: Configure Autograder, Base Image)." >&2
  exit 1
fi
"$python" -m venv /opt/vae-course
/opt/vae-course/bin/pip install --no-cache-dir -r requirements.txt
