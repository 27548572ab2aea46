# For scripts of several steps: says how long each took. `source tests/steps.sh`, then `step NAME` before
# each step, and `steps_done` after the last.
steps_took=()
step_name=
step() {
  steps_end
  step_name=$1
  step_began=$SECONDS
  printf '\n== %s\n' "$1"
}
steps_end() {
  [ -z "$step_name" ] || steps_took+=("$(printf '%6d s  %s' $((SECONDS - step_began)) "$step_name")")
  step_name=
}
steps_done() {
  steps_end
  printf '\n'
  printf '%s\n' "${steps_took[@]}"
  printf '%6d s  in all\n' "$SECONDS"
}
