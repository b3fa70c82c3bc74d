# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Sourced by a script of steps. It has a function step_NAME for each of them (with "_" for "-") and ends with
#   steps_main "$@" <<'LIST'
#   NAME SECONDS    one line a step, in the order they are run
#   LIST
# Called with "OUT SECONDS" it runs them all in that time; with "--step NAME" one.
#
# Each step is a process of its own under `timeout`. After each, OUT/summary.txt has one line more (name, verdict,
# seconds, and the last line that the step printed or, if it failed, complained) and OUT/results.tgz holds what all
# steps so far have written. Both are replaced whole: whenever this is killed, they are those of the last step.
# A step writes what is worth keeping into the folder $DETAILS, where its output becomes NAME.out and NAME.err.

steps_say() { printf '%-18s %-8s %4s s  %s\n' "$1" "$2" "$3" "$4" >>"$DETAILS/summary.txt"; }

steps_save() {
  tar -C "$DETAILS" -czf "$OUT/.results.tgz" . && mv "$OUT/.results.tgz" "$OUT/results.tgz"
  cp "$DETAILS/summary.txt" "$OUT/.summary.txt" && mv "$OUT/.summary.txt" "$OUT/summary.txt"
  tail -n 1 "$DETAILS/summary.txt"
}

# Ends a step that runs, when the whole is ended.
steps_stop() {
  trap - TERM INT HUP
  if [ -n "$child" ]; then kill "$child" 2>/dev/null; wait "$child"; fi
  [ -z "$step" ] || steps_say "$step" STOPPED "$(($(date +%s) - before))" "the run was stopped here"
  steps_save
  exit 143
}

# The last words: of a step that failed, its last line of standard error where there is one.
steps_fact() {
  if [ "$1" != ok ] && [ -s "$2.err" ]; then tail -n 1 "$2.err"; else tail -n 1 "$2.out" 2>/dev/null; fi |
    tr -d '\000-\010\013-\037' | cut -c 1-300
}

steps_run_one() {
  step=$1 limit=$2 child='' before=$(date +%s)
  left=$((begun + seconds - before))
  if [ "$left" -lt 2 ]; then
    steps_say "$step" "not run" 0 "no time was left"
    steps_save
    return
  fi
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  timeout -k 3 "$limit" sh "$0" --step "$step" >"$DETAILS/$step.out" 2>"$DETAILS/$step.err" </dev/null &
  child=$!
  wait "$child"
  code=$? child='' took=$(($(date +%s) - before))
  case $code in
    0) verdict=ok ;;
    124) verdict=TIMEOUT ;;
    137) if [ "$took" -ge "$limit" ]; then verdict=TIMEOUT; else verdict=KILLED; fi ;;
    *) verdict=FAILED ;;
  esac
  [ "$verdict" = ok ] || failed=1
  steps_say "$step" "$verdict" "$took" "$(steps_fact "$verdict" "$DETAILS/$step")"
  steps_save
}

steps_main() {
  if [ "${1:-}" = --step ]; then
    "step_$(printf %s "$2" | tr - _)"
    exit
  fi
  OUT=$1 seconds=$2 begun=$(date +%s) failed=0 step='' child=''
  mkdir -p "$OUT"
  DETAILS=$(mktemp -d) || exit 1
  export DETAILS
  trap 'rm -rf "$DETAILS"' EXIT
  trap steps_stop TERM INT HUP
  : >"$DETAILS/summary.txt"
  steps_save
  while read -r name limit; do
    [ -z "$name" ] || steps_run_one "$name" "$limit"
  done
  exit "$failed"
}
