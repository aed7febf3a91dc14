#!/usr/bin/env bash
# Everything that is to be measured on a GPU, in one go of under eight minutes, for whenever a GPU is at hand.
#
#   bash benchmarks/device.sh                      into the folder device-results
#   OUT=results MINUTES=5 bash benchmarks/device.sh
#   PYTHON=python3.12 WHEELS=wheels bash benchmarks/device.sh
#
# In order of value, each with a limit of time: (bits) the CUDA passes against the definition; (bandwidth) their speed over that
# of a copy; (graphs) a mask step as a CUDA graph; (steps) all rows of what a mask step costs; and in what time is left (studies)
# networks of the arithmetic studies at the paper's settings, without controls and unrelated functions. So that a kill loses
# nothing, everything is written as it comes: device.txt has all that is printed, steps.jsonl a line for each step, and there is
# a JSON file for each of the others; the networks and masks are in RUNS, if given, else in the folder runs of the results, from
# where a second call goes on. A step that fails does not stop the next ones; the exit status is 1 if one failed.
#
# The machine needs a Python with torch for CUDA and triton, and no connection. What else is lacking is said, and what needs it is
# left out. Wheels of what is lacking can be brought along, in the folder WHEELS; fetch them where there is a connection:
#   python -m pip download --only-binary=:all: --no-deps --dest wheels cattrs tyro docstring-parser typeguard platformdirs
# Without a GPU, it says so and ends with status 0.
set -u -o pipefail

cd "$(dirname "$0")/.." || exit 1
OUT=${OUT:-device-results}
DEADLINE=$((SECONDS + ${MINUTES:-8} * 60 - 20))
mkdir -p "$OUT" || exit 1
OUT=$(cd "$OUT" && pwd)
RUNS=${RUNS:-$OUT/runs}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
FAILED=0
LEFT_OUT=3
MASKSCOPE='from maskscope_command import main; main()'

say() { printf '%s\n' "$*" | tee -a "$OUT/device.txt"; }

note() { # name, outcome, seconds
  printf '{"step": "%s", "outcome": "%s", "seconds": %d}\n' "$1" "$2" "$3" >>"$OUT/steps.jsonl"
  say "== $1: $2 ($3 s)"
}

leave() { # words: there is nothing to be measured here
  say "$1"
  note all "skipped" 0
  exit 0
}

has() { # a module, without importing it
  "$PYTHON" -c "import importlib.util as u, sys; sys.exit(not all(u.find_spec(name) for name in sys.argv[1:]))" "$@" 2>/dev/null
}

find_python() {
  local one
  for one in ${PYTHON:-} .venv/bin/python python3 python /opt/*/bin/python /opt/*/.venv/bin/python; do
    PYTHON=$(command -v "$one") && has torch triton && return 0
  done
  return 1
}

count_gpus() { # asks the driver, which is much faster than torch
  "$PYTHON" - <<'END'
import ctypes
try:
    driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0)
    print(count.value if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) else count.value)
except OSError:
    print(0)
END
}

step() { # name, its limit in seconds, what it needs besides torch and triton, command
  local name=$1 limit=$2 needs=$3 left=$((DEADLINE - SECONDS)) began=$SECONDS status one
  shift 3
  for one in $needs; do
    has "$one" || { note "$name" "skipped, because the Python package $one is lacking" 0 && return $LEFT_OUT; }
  done
  [ "$left" -gt 15 ] || { note "$name" "skipped, because no time is left" 0 && return $LEFT_OUT; }
  say "== $name: at most $((limit < left ? limit : left)) s"
  # INT, so that a search writes its checkpoint
  timeout -s INT -k 10 "$((limit < left ? limit : left))" "$@" 2>&1 | tee -a "$OUT/device.txt"
  status=${PIPESTATUS[0]}
  case $status in
    0) note "$name" "done" $((SECONDS - began)) ;;
    124 | 130 | 137) note "$name" "stopped at its limit; what it wrote before is kept" $((SECONDS - began)) ;;
    *) FAILED=1 && note "$name" "failed with status $status" $((SECONDS - began)) ;;
  esac
  return "$status"
}

study() { # name, how many networks
  step "study $1, $2 networks" 600 "$BASE $REPORT" "$PYTHON" -c "$MASKSCOPE" run "$1" --preset paper --device cuda --seeds "$2" \
    --repeats 1 --unrelated 0 --controls --out "$RUNS/$1"
  local status=$?
  cp "$RUNS/$1/record.json" "$OUT/$1.json" 2>/dev/null
  return $status
}

say "maskscope on a GPU, $(date -u '+%Y-%m-%d %H:%M') UTC"
find_python || leave "Skipped: no Python here has both torch and triton. Looked at PYTHON, .venv, the path and /opt."
say "Python: $PYTHON"
[ "$(count_gpus)" -gt 0 ] || leave "Skipped: the NVIDIA driver (libcuda.so.1) is not here, or sees no GPU."

mkdir "$WORK/site"
for wheel in "${WHEELS:-wheels}"/*.whl; do
  [ -e "$wheel" ] && { "$PYTHON" -m zipfile -e "$wheel" "$WORK/site" || say "Not a wheel: $wheel"; }
done
export PYTHONPATH="$PWD/src:$PWD:$WORK/site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
"$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
  leave "Skipped: there is a GPU, but torch does not see it: a build without CUDA, or for another driver."

BASE="numpy safetensors jaxtyping scipy cattrs filelock rich tyro platformdirs requests"
REPORT="matplotlib jinja2 sklearn"
for one in $BASE $REPORT numba pytest; do has "$one" || say "Lacking: $one"; done
command -v "${CC:-cc}" gcc clang >/dev/null || say "Lacking: a C compiler, without which Triton cannot launch anything."
"$PYTHON" -c 'import platform, torch, triton; print(f"torch {torch.__version__}, triton {triton.__version__}, "
f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, {platform.machine()}")' 2>&1 | tee -a "$OUT/device.txt"

SHARE=()
has xdist && SHARE=(-n 8)
step bits 150 "numpy jaxtyping pytest" "$PYTHON" -m pytest --noconftest -p no:cacheprovider -o filterwarnings=default \
  --tb=short -m "not slow" "${SHARE[@]}" tests/masks/test_cuda_kernels.py
step bandwidth 60 "$BASE" "$PYTHON" -m benchmarks.gpu --json "$OUT/bandwidth.json"
step graphs 60 "$BASE" "$PYTHON" -m benchmarks.graphs --json "$OUT/graphs.json"
step steps 120 "$BASE" "$PYTHON" -m benchmarks.step --device cuda --steps 12 --blocks 3 --json "$OUT/step.json"
for count in 1 2 3 4 5; do
  study addition-multiplication $count || break
  study double-addition $count || break
done
say "The results are in $OUT"
exit $FAILED
