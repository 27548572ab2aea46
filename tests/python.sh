#!/usr/bin/env bash
# Usage: tests/python.sh REQUIREMENTS FOLDER
# Installs Python packages into a virtual environment, unless it has exactly these already.
set -euo pipefail
requirements=$1 folder=$2
cmp -s "$requirements" "$folder/installed" && exit
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$folder/installed"
