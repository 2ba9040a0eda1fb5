#!/bin/sh
# In a build only: puts the packages of /requirements.txt into /opt/venv. Bytecode is compiled, and bears no timestamps.
set -eu
/opt/pip/bin/pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps --no-compile -r /requirements.txt
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
