#!/usr/bin/env bash
# Proves the tests: puts one fault at a time into a copy of the code, and asks that a test sees it.
# With --histories, asks of each fault that a history can show that a history of it is impossible; what was
# found is kept in target/faults/histories. With names, only the faults of these names.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$PWD/target/faults/tree
kept=$PWD/target/faults/histories
seconds=${FAULTS_SECONDS:-60}
export CARGO_TARGET_DIR=$PWD/target/faults/target
mode=tests
if [ "${1-}" = --histories ]; then
  mode=histories
  shift
fi
only=("$@")
seen=0
missed=()
mkdir -p "$kept"

# The tree as it is, with what git does not know yet, and without what is gone.
copy_tree() {
  rm -rf "$copy" && mkdir -p "$copy"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    xargs -0 cp --parents -t "$copy"
}

# both NAME FILE PERL: the Perl expression changes the file, or it is not a fault any more.
both() {
  local name=$1 file=$2 change=$3
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return 0
  copy_tree
  perl -0pi -e "$change" "$copy/$file"
  if cmp -s "$file" "$copy/$file"; then
    miss "$name" "the change does not apply to $file"
  elif ! (cd "$copy" && cargo build --quiet -p session-store -p functions) 2>"$copy/build.log"; then
    miss "$name" "does not compile"
    cat "$copy/build.log"
  else
    "ask_$mode" "$name"
  fi
}

# tests NAME FILE PERL: a fault that no history shows, because it takes more time than one has, or is
# of the sweep, or of what is said and not of what is done.
tests() {
  [ $mode = histories ] || both "$@"
}

run_tests() {
  (cd "$copy" && cargo test --quiet --no-fail-fast -p session-store -p functions -p tests -- --skip race::) \
    >"$copy/test.log" 2>&1
}

ask_tests() {
  local failed
  if run_tests; then
    miss "$1" "NO TEST SAW IT"
  elif failed=$(grep -oE '^    [a-z_]+::.*' "$copy/test.log" | sort -u) && [ -n "$failed" ]; then
    see "$1" "seen by $(wc -l <<<"$failed") tests, $(head -1 <<<"$failed" | xargs) first"
  else
    miss "$1" "THE TESTS DID NOT RUN"
    tail -20 "$copy/test.log"
  fi
}

ask_histories() {
  local said
  said=$(cd "$copy" && cargo test --quiet -p tests --test histories -- \
    --seed 1 --seconds "$seconds" --out "$kept/$1.txt" 2>/dev/null) || true
  if grep -q 'is impossible' <<<"$said"; then
    see "$1" "$(grep -oE '^[0-9]+ operations in [0-9]+ histories' <<<"$said"), then one was impossible"
  else
    miss "$1" "NO HISTORY SHOWED IT"
  fi
}

see() {
  echo "$1: $2"
  seen=$((seen + 1))
}

miss() {
  echo "$1: $2"
  missed+=("$1")
}

if [ $mode = tests ]; then
  copy_tree
  run_tests || { echo "without a fault the tests fail already, see $copy/test.log"; exit 1; }
fi

S=shared/src
both  touch-clears-the-lock $S/sessions.rs 's/let update = format!\("SET \{\}", self.set_expires\(keep\)\);/let update = format!("SET #Locked = :unlocked, {}", self.set_expires(keep));/'
tests touch-creates $S/touch.rs 's/let item = self.live\(self.get\(id\).await\?, when\)\?;/let Some(item) = self.get(id).await? else { let v = self.expires_values(Values::at(when.now), when.now, None); self.update(id, "SET #Expires = :expires", "attribute_not_exists(#Expires)", &v, ReturnValue::None).await?; return Ok(()); };/'
both  lock-ignores-a-holder $S/lock.rs 's/condition::UNLOCKED,/"attribute_exists(#Expires)",/'
both  lock-refuses-its-own-resend $S/lock.rs 's/Some\(lock\) if lock.id.key == key =>/Some(lock) if lock.id.key == key \&\& lock.lease_ends.is_some() =>/'
both  store-ignores-the-lock-id $S/condition.rs 's/const HELD: &str = "\(#LockId = :lock AND #LockGeneration = :generation\)"/const HELD: \&str = "(attribute_exists(#LockId))"/'
both  store-says-done-after-losing-the-lock $S/store.rs 's/self.with_timeout\(timeout, write, because\).await\?;\n(\s*)Ok\(Stored::Over\)\n(\s*)\}\n(\s*)Claim::NoLock \{ key, only: Only::Living \}/match self.with_timeout(timeout, write, because).await { Ok(_) | Err(Error::LockLost) => Ok(Stored::Over), Err(e) => Err(e) }\n}\nClaim::NoLock { key, only: Only::Living }/'
tests sweep-deletes-without-its-condition $S/sweep.rs 's/self.delete\(id, condition::SWEEPABLE,/self.delete(id, "attribute_exists(#Key)",/'
both  create-overwrites $S/create.rs 's/condition::ABSENT, &values/"#Expires <= :now OR #Expires > :now OR attribute_not_exists(#Expires)", \&values/'
both  a-resent-store-overwrites $S/condition.rs 's/#StoredBy <> :key\)/attribute_exists(#StoredBy))/'
both  initialize-told-twice $S/fetch.rs 's/let initialize = item.is_initialized_by\(&key\)\?;/let initialize = item.is_initialized_by(\&key)? || item.lock()?.is_none();/g'
tests a-flag-that-is-gone-is-cleared-again $S/fetch.rs 's/condition::UNINITIALIZED/condition::LIVE/'
tests a-fetch-takes-the-flag-of-a-holder $S/fetch.rs 's/condition::UNLOCKED,/condition::LIVE,/'
tests expiry-the-wrong-way-round $S/condition.rs 's/"\(#Expires > :now AND/"(#Expires < :now AND/'
both  failure-answered-as-404 functions/src/http/problem.rs 's/StatusCode::SERVICE_UNAVAILABLE,\n(\s*)Kind::Unavailable/StatusCode::NOT_FOUND,\n$1Kind::NotFound/'
both  release-leaves-it-locked $S/release.rs 's/"SET #Locked = :unlocked, \{\}"/"SET {}"/'
tests generation-left-out $S/condition.rs 's/#LockId = :lock AND #LockGeneration = :generation/#LockId = :lock AND attribute_exists(#LockGeneration)/'
both  flag-cleared-without-noting-who-in-a-fetch $S/fetch.rs 's/SET #Flags = :zero, #InitializedBy = :key/SET #Flags = :zero/'
tests flag-cleared-without-noting-it-in-a-lock $S/lock.rs 's/#LockFlags = if_not_exists\(#Flags, :zero\), //'
tests renewal-moves-expires-backwards $S/condition.rs 's/"\(#Expires < :expires\)"/"(attribute_exists(#Expires))"/'
both  a-timeout-is-overwritten $S/condition.rs 's/"\(#Timeout = :timeout\)"/"(attribute_exists(#Timeout))"/'
tests remove-ignores-when-it-was-created $S/condition.rs 's/#CreateDate <= :received/attribute_exists(#CreateDate)/'
both  remove-ignores-the-holder $S/remove.rs 's/condition::UNLOCKED,/condition::LIVE,/'
tests late-requests-still-write $S/sessions.rs 's/if left.is_zero\(\)/if false/'
tests an-operation-goes-on-past-its-deadline $S/sessions.rs 's/tokio::time::timeout\(left,/tokio::time::timeout(left * 100,/'
both  a-late-lock-takes-the-lock $S/lock.rs 's/condition::NOT_OVER,/"attribute_exists(#Expires)",/'
tests lock-without-renewal $S/lock.rs 's/self.outlive_the_request\(id, &mut session, locking.timeout, when\).await\?;/let _ = when;/; s/let \(mut session, when\)/let (session, when)/; s/    async fn outlive_the_request/    #[expect(dead_code, reason = "the fault")]\n    async fn outlive_the_request/'
tests too-large-keeps-the-lock $S/store.rs 's/self.give_up\(id, lock, timeout, when\).await\?;/let _ = lock;/'
tests session-id-in-the-log functions/src/http/request.rs 's/map\(\|id\| id.hash\(\)\)/map(|_| format!("{:?}", request.headers()))/'
tests a-lease-outlives-its-lock $S/condition.rs 's/"\(#LeaseOf = #LockId AND #LeaseEnds <= :now\)"/"(#LeaseEnds <= :now)"/'
tests a-lease-is-never-over $S/condition.rs 's/#LeaseEnds <= :now\)/#LeaseEnds < :unlocked)/'
tests a-waiter-is-blind-to-the-end $S/wait.rs 's/if item.is_live\(when.now\)\? => item/if item.is_locked()? => item/'
tests a-waiter-takes-its-own-lock-for-another-s $S/wait.rs 's/ && lock.id.key != key\)/ \&\& (lock.id.key != key || true))/'
tests a-waiter-writes-without-looking $S/lock.rs 's/Look::Held\(held, units\) => \{\s*patience.saw\(&held, units\);\s*lock = held;/Look::Held(held, units) => { patience.saw(\&held, units); if let Taken::Session(session) = self.take(id, locking, now).await? { return Ok((session, now)); } lock = held;/'
tests sweep-takes-another-pass-for-its-own $S/sweep/position.rs 's/"\(#PassStarted = :pass\)"/"attribute_not_exists(#Expires)"/'
tests sweep-forgets-where-it-was $S/sweep/position.rs 's/if_not_exists\(#PassStarted, :now\)/:now/'
tests sweep-keeps-a-position-before-its-deletes $S/sweep/segment.rs 's/done &= ended\?;/done |= ended?;/'
tests sweep-deletes-ghosts-with-a-session $S/condition.rs 's/(GHOST: &str = "\(attribute_not_exists\(#Expires\)).*?";/$1)";/s'
tests sweep-ends-when-throttled $S/sweep/call.rs 's/Err\(error\) if error.is_throttled\(\) => \{\n/Err(error) if error.is_throttled() \&\& failures == 0 => return Err(error),\nErr(error) if error.is_throttled() => {\n/'
tests sweep-forgets-what-it-spent $S/sweep/budget.rs 's/\(state.paid \+ spent\)/state.paid/'
tests sweep-makes-ghosts $S/sweep.rs 's/"attribute_exists\(#Key\) AND \{\}/"{}/'
tests sweep-fears-for-the-healthy $S/sweep/page.rs 's/run.now - Duration::from_secs\(1\)/run.now - Duration::ZERO/'
tests sweep-refuses-its-schedule functions/src/sweep.rs 's/Some\(Value::String\(text\)\) =>/Some(Value::String(text)) if text.is_empty() =>/'
tests sweep-deletes-what-ttl-would $S/sweep/find.rs 's/due > overdue/due < overdue/'

echo "$seen faults seen, ${#missed[@]} missed${missed[*]:+: ${missed[*]}}"
[ $((seen + ${#missed[@]})) -gt 0 ] || echo "no fault has such a name: ${only[*]}"
[ "$seen" -gt 0 ] && [ ${#missed[@]} -eq 0 ]
