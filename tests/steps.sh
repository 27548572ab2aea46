# Measures how long each step of a script takes.
# Usage: `source tests/steps.sh`, then call `step NAME` before each step. Call `step_not_run` if the machine
# cannot run the step. After the last step, call `steps_done`, which prints the times.
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
step_not_run() {
  steps_took+=("$(printf ' not run  %s' "$step_name")")
  step_name=
}
steps_done() {
  steps_end
  printf '\n'
  printf '%s\n' "${steps_took[@]}"
  printf '%6d s  total\n' "$SECONDS"
}
