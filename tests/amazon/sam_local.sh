#!/usr/bin/env bash
# Usage: tests/amazon/sam_local.sh
# Does what docs/sam-local.md says, with real containers: sends each file of events/ with `sam local invoke`,
# and runs the tour of the README against `sam local start-api`. DynamoDB is Amazon's DynamoDB Local.
#
# The script installs Debian's Docker engine if it is missing, starts an engine of its own below target/, and
# ends it. This engine has its own network and changes no firewall rule, so it does not disturb an engine that
# runs already. The containers run an image of four Debian packages, which the script makes once and gives the
# name of Amazon's image, in its own engine only. For Amazon's own image, run the commands of the page.
#
# Needs root, and Debian on x86-64. Where no container engine can run, the script says so and exits with 77,
# which `.ci/run` counts as "not run".
set -euo pipefail
cd "$(dirname "$0")/../.."

not_run() {
  echo "sam local: NOT RUN: $1"
  exit 77
}
install() { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; }

[ "$(uname -sm)" = "Linux x86_64" ] || not_run "needs Linux on x86-64"
[ "$(id -u)" -eq 0 ] || not_run "only root can start a container engine"
command -v apt-get >/dev/null || not_run "needs Debian, for its packages"
for command in dockerd:docker.io ip:iproute2 curl:curl; do
  command -v "${command%:*}" >/dev/null || install "${command#*:}" || not_run "cannot install ${command#*:}"
done

work=$PWD/target/sam-local
engine=$work/engine
socket=$engine/docker.sock
# Addresses for tests between networks (RFC 2544). No other network should have them.
bridge=sam-local
host=198.18.0.1

stop_engine() {
  local id
  id=$(cat "$engine/pid" 2>/dev/null) || id=${daemon-}
  # After a crash of this machine, another program can have the id in the file.
  [ -z "$id" ] || ! grep -qsx dockerd "/proc/$id/comm" || kill "$id"
  # The engine removes its file when it has ended its containers.
  for _ in $(seq 100); do [ -e "$engine/pid" ] || break; sleep 0.1; done
  rm -rf "$engine"
  ip link delete "$bridge" 2>/dev/null || true
}
ask_engine() { curl --noproxy '*' --silent --show-error --fail --unix-socket "$socket" "$@"; }

# Starts the engine. Without firewall rules, it forwards the ports of containers with a program of its own.
start_engine() {
  stop_engine
  mkdir -p "$engine"
  # Without these, the engine would read the settings of another engine, and share its containers.
  echo '{}' >"$engine/daemon.json"
  set -- --config-file "$engine/daemon.json" --containerd-namespace "$bridge" \
    --containerd-plugins-namespace "$bridge-plugins"
  ip link add "$bridge" type bridge && ip address add "$host/24" dev "$bridge" && ip link set "$bridge" up ||
    return 1
  dockerd "$@" --data-root "$engine/data" --exec-root "$engine/exec" --pidfile "$engine/pid" --host "unix://$socket" \
    --bridge "$bridge" --host-gateway-ip "$host" --iptables=false --ip6tables=false --ip-forward=false \
    --ip-masq=false >"$work/engine.log" 2>&1 9>&- &
  daemon=$!
  for _ in $(seq 300); do
    [ -e "/proc/$daemon" ] || return 1
    ! ask_engine --output /dev/null http://engine/_ping 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

# Makes the root of a container with what `sam local` needs (a shell, mv and chmod, for its own emulator) and
# what the function needs (glibc and root certificates).
make_image() {
  local root=$work/root packages=$work/packages package part
  rm -rf "$root" "$packages" && mkdir -p "$root" "$packages"
  local download="apt-get download -qq -o APT::Sandbox::User=root libc6 libgcc-s1 busybox-static ca-certificates"
  (cd "$packages" && { $download || { apt-get update -qq && $download; }; })
  for package in "$packages"/*.deb; do dpkg-deb --extract "$package" "$root"; done
  # Newer releases of Debian have these directories only below /usr.
  for part in bin lib lib64; do [ -e "$root/$part" ] || ln -s "usr/$part" "$root/$part"; done
  for part in sh mv chmod; do ln -s busybox "$root/bin/$part"; done
  mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/var/task" "$root/var/runtime"
  chmod 1777 "$root/tmp"
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  tar --create --directory "$root" --file "$work/image.new" .
  mv "$work/image.new" "$work/image.tar"
  rm -rf "$root" "$packages"
}

# One run at a time: the network and the ports of DynamoDB and of the API are the same for every checkout.
exec 9>/tmp/session-state-sam-local.lock
flock 9
mkdir -p "$work"
trap stop_engine EXIT
start_engine || { tail -n 5 "$work/engine.log" || true; not_run "dockerd does not start here"; }
[ -e "$work/image.tar" ] || make_image
ask_engine --output /dev/null --request POST --header 'Content-Type: application/x-tar' \
  --data-binary "@$work/image.tar" \
  'http://engine/images/create?fromSrc=-&repo=public.ecr.aws/lambda/provided&tag=al2023-x86_64'

tests/amazon/setup.sh
export PATH="$PWD/target/tools/bin:$PATH" SAM_CLI_TELEMETRY=0
# A build directory of its own, so that a later `sam deploy` does not deploy this build. With the compiler flags
# of the release, cargo reuses what the release has compiled.
RUSTFLAGS=$(./release.sh --rustflags) \
  sam build --build-dir target/sam-local/build --parameter-overrides Architecture=x86_64
[ -n "${LOCAL-}" ] || cargo build --quiet --locked -p local

DOCKER_HOST=unix://$socket SAM_LOCAL_HOST=$host AWS_DEFAULT_REGION=eu-central-1 \
  python3 -m pytest -q -p no:cacheprovider -W ignore tests/amazon/test_sam_local.py
