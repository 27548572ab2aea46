#!/usr/bin/env bash
# Proves the histories: puts one fault at a time into a copy of the code, and asks that a history of
# it is impossible. With arguments, only the faults of these names. Keeps what it found beside the copy.
set -euo pipefail
cd "$(dirname "$0")/../.."
copy=$PWD/target/faults/tree
kept=$PWD/target/faults/histories
export CARGO_TARGET_DIR=$PWD/target/faults/target
seconds=${FAULTS_SECONDS:-60}
only=("$@")
missed=()
mkdir -p "$kept"

# fault NAME FILE PERL: the Perl expression changes the file, or it is not a fault any more.
fault() {
  local name=$1 file=$2 change=$3 said
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return 0
  rm -rf "$copy" && mkdir -p "$copy"
  git ls-files -z | xargs -0 cp --parents -t "$copy"
  perl -0pi -e "$change" "$copy/$file"
  if cmp -s "$file" "$copy/$file"; then
    echo "$name: the change does not apply to $file"
    missed+=("$name")
  elif ! (cd "$copy" && cargo test --quiet --no-run -p tests --test histories) 2>"$copy/build.log"; then
    echo "$name: does not compile"
    cat "$copy/build.log"
    missed+=("$name")
  else
    said=$(cd "$copy" && cargo test --quiet -p tests --test histories -- \
      --seed 1 --seconds "$seconds" --out "$kept/$name.txt" 2>/dev/null) || true
    if grep -q 'is impossible' <<<"$said"; then
      echo "$name: $(grep -oE '^[0-9]+ operations in [0-9]+ histories' <<<"$said"), then one was impossible"
    else
      echo "$name: NO HISTORY SHOWED IT"
      missed+=("$name")
    fi
  fi
}

S=shared/src
fault store-ignores-the-lock-id $S/condition.rs 's/const HELD: &str = "\(#LockId = :lock AND #LockGeneration = :generation\)"/const HELD: \&str = "(attribute_exists(#LockId))"/'
fault store-says-done-after-losing-the-lock $S/store.rs 's/self.with_timeout\(timeout, write, because\).await\?;\n(\s*)Ok\(Stored::Over\)\n(\s*)\}\n(\s*)Claim::NoLock \{ key, only: Only::Living \}/match self.with_timeout(timeout, write, because).await { Ok(_) | Err(Error::LockLost) => Ok(Stored::Over), Err(e) => Err(e) }\n}\nClaim::NoLock { key, only: Only::Living }/'
fault touch-clears-the-lock $S/sessions.rs 's/let update = format!\("SET \{\}", self.set_expires\(keep\)\);/let update = format!("SET #Locked = :unlocked, {}", self.set_expires(keep));/'
fault failure-answered-as-404 functions/src/http/problem.rs 's/StatusCode::SERVICE_UNAVAILABLE,\n(\s*)Kind::Unavailable/StatusCode::NOT_FOUND,\n$1Kind::NotFound/'
fault lock-ignores-a-holder $S/lock.rs 's/condition::UNLOCKED,/"attribute_exists(#Expires)",/'
fault lock-forgets-its-resend $S/lock.rs 's/Some\(lock\) if lock.id.key == key =>/Some(lock) if lock.id.key == key \&\& lock.lease_ends.is_some() =>/'
fault a-late-lock-takes-the-lock $S/lock.rs 's/condition::NOT_OVER,/"attribute_exists(#Expires)",/'
fault initialize-not-told-again $S/fetch.rs 's/SET #Flags = :zero, #InitializedBy = :key/SET #Flags = :zero/'
fault initialize-told-twice $S/fetch.rs 's/let initialize = item.is_initialized_by\(&key\)\?;/let initialize = item.is_initialized_by(\&key)? || item.lock()?.is_none();/g'
fault create-overwrites $S/create.rs 's/condition::ABSENT, &values/"#Expires <= :now OR #Expires > :now OR attribute_not_exists(#Expires)", \&values/'
fault a-resent-store-overwrites $S/condition.rs 's/#StoredBy <> :key\)/attribute_exists(#StoredBy))/'
fault remove-ignores-the-holder $S/remove.rs 's/condition::UNLOCKED,/condition::LIVE,/'
fault release-leaves-it-locked $S/release.rs 's/"SET #Locked = :unlocked, \{\}"/"SET {}"/'
fault a-timeout-is-overwritten $S/condition.rs 's/"\(#Timeout = :timeout\)"/"(attribute_exists(#Timeout))"/'

if [ ${#missed[@]} -gt 0 ]; then
  echo "not seen: ${missed[*]}"
  exit 1
fi
