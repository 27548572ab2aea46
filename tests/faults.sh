#!/usr/bin/env bash
# Proves the tests: puts one fault at a time into a copy of the code, and asks that a test sees it.
# With arguments, only the faults whose names have one of them.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=target/faults/tree
export CARGO_TARGET_DIR="$PWD/target/faults/target"
missed=()

# fault NAME FILE PERL: the Perl expression changes the file, or it is not a fault any more.
fault() {
  local name=$1 file=$2 change=$3
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return 0
  rm -rf "$copy" && mkdir -p "$copy"
  git ls-files -z | xargs -0 cp --parents -t "$copy"
  perl -0pi -e "$change" "$copy/$file"
  if cmp -s "$file" "$copy/$file"; then
    echo "$name: the change does not apply to $file"
    missed+=("$name")
  elif ! (cd "$copy" && cargo build --quiet -p session-store -p functions) 2>"$copy/build.log"; then
    echo "$name: does not compile"
    cat "$copy/build.log"
    missed+=("$name")
  elif (cd "$copy" && cargo test --quiet -p session-store -p functions -p tests -- --skip race::) >"$copy/test.log" 2>&1; then
    echo "$name: NO TEST SAW IT"
    missed+=("$name")
  else
    echo "$name: seen by $(grep -cE '^    [a-z_]+::' "$copy/test.log" || true) tests, $(grep -m1 -oE '^    [a-z_]+::.*' "$copy/test.log" | xargs || true) first"
  fi
}

only=("$@")
S=shared/src
fault touch-clears-the-lock $S/sessions.rs 's/let update = format!\("SET \{\}", self.set_expires\(keep\)\);/let update = format!("SET #Locked = :unlocked, {}", self.set_expires(keep));/'
fault touch-creates $S/touch.rs 's/let item = self.live\(self.get\(id\).await\?, when\)\?;/let Some(item) = self.get(id).await? else { let v = self.expires_values(Values::at(when.now), when.now, None); self.update(id, "SET #Expires = :expires", "attribute_not_exists(#Expires)", &v, ReturnValue::None).await?; return Ok(()); };/'
fault lock-ignores-a-holder $S/lock.rs 's/condition::UNLOCKED,/"attribute_exists(#Expires)",/'
fault lock-refuses-its-own-resend $S/lock.rs 's/Some\(lock\) if lock.id.key == key =>/Some(lock) if lock.id.key == key \&\& lock.date > when_never() =>/; s/use std::time::Duration;/use std::time::Duration;\nfn when_never() -> crate::Timestamp { crate::Timestamp::from_millis(253_000_000_000_000).unwrap_or_else(crate::Timestamp::now) }/'
fault store-ignores-the-lock-id $S/condition.rs 's/const HELD: &str = "\(#LockId = :lock AND #LockGeneration = :generation\)"/const HELD: \&str = "(attribute_exists(#LockId))"/'
fault store-says-done-after-losing-the-lock $S/store.rs 's/self.with_timeout\(timeout, write, because\).await\?;\n(\s*)Ok\(Stored::Over\)\n(\s*)\}\n(\s*)Claim::NoLock \{ key, only: Only::Living \}/match self.with_timeout(timeout, write, because).await { Ok(_) | Err(Error::LockLost) => Ok(Stored::Over), Err(e) => Err(e) }\n}\nClaim::NoLock { key, only: Only::Living }/'
fault sweep-deletes-without-its-condition $S/sweep.rs 's/self.delete\(id, condition::SWEEPABLE,/self.delete(id, "attribute_exists(#Key)",/'
fault create-overwrites $S/create.rs 's/condition::ABSENT, &values/"#Expires <= :now OR #Expires > :now OR attribute_not_exists(#Expires)", \&values/'
fault initialize-told-twice $S/fetch.rs 's/let initialize = item.is_initialized_by\(&key\)\?;/let initialize = item.is_initialized_by(\&key)? || item.lock()?.is_none();/g'
fault expiry-the-wrong-way-round $S/condition.rs 's/"\(#Expires > :now AND/"(#Expires < :now AND/'
fault failure-answered-as-404 functions/src/http/problem.rs 's/StatusCode::SERVICE_UNAVAILABLE,\n(\s*)Kind::Unavailable/StatusCode::NOT_FOUND,\n$1Kind::Unavailable/'
fault release-leaves-it-locked $S/release.rs 's/"SET #Locked = :unlocked, \{\}"/"SET {}"/'
fault generation-left-out $S/condition.rs 's/#LockId = :lock AND #LockGeneration = :generation/#LockId = :lock AND attribute_exists(#LockGeneration)/'
fault flag-cleared-without-noting-who-in-a-fetch $S/fetch.rs 's/SET #Flags = :zero, #InitializedBy = :key/SET #Flags = :zero/'
fault flag-cleared-without-noting-it-in-a-lock $S/lock.rs 's/#LockFlags = if_not_exists\(#Flags, :zero\), //'
fault renewal-moves-expires-backwards $S/condition.rs 's/"\(#Expires < :expires\)"/"(attribute_exists(#Expires))"/'
fault remove-ignores-when-it-was-created $S/condition.rs 's/#CreateDate <= :received/attribute_exists(#CreateDate)/'
fault late-requests-still-write $S/sessions.rs 's/if left.is_zero\(\)/if false/'
fault a-late-lock-takes-the-lock $S/lock.rs 's/condition::NOT_OVER,/"attribute_exists(#Expires)",/'
fault lock-without-renewal $S/lock.rs 's/self.outlive_the_request\(id, &mut session, locking.timeout, when\).await\?;/let _ = when;/; s/let \(mut session, when\)/let (session, when)/; s/    async fn outlive_the_request/    #[expect(dead_code, reason = "the fault")]\n    async fn outlive_the_request/'
fault too-large-keeps-the-lock $S/store.rs 's/self.give_up\(id, lock, timeout, when\).await\?;/let _ = lock;/'
fault session-id-in-the-log functions/src/http/request.rs 's/map\(\|id\| id.hash\(\)\)/map(|_| format!("{:?}", request.headers()))/'
fault a-lease-outlives-its-lock $S/condition.rs 's/"\(#LeaseOf = #LockId AND #LeaseEnds <= :now\)"/"(#LeaseEnds <= :now)"/'
fault a-lease-is-never-over $S/condition.rs 's/#LeaseEnds <= :now\)/#LeaseEnds < :unlocked)/'
fault a-waiter-is-blind-to-the-end $S/wait.rs 's/if item.is_live\(when.now\)\? => item/if item.is_locked()? => item/'
fault a-waiter-takes-its-own-lock-for-another-s $S/wait.rs 's/ && lock.id.key != key\)/ \&\& (lock.id.key != key || true))/'
fault a-waiter-writes-without-looking $S/lock.rs 's/Look::Held\(held, units\) => \{\s*patience.saw\(&held, units\);\s*lock = held;/Look::Held(held, units) => { patience.saw(\&held, units); if let Taken::Session(session) = self.take(id, locking, now).await? { return Ok((session, now)); } lock = held;/'
fault sweep-takes-another-pass-for-its-own $S/sweep/position.rs 's/"\(#PassStarted = :pass\)"/"attribute_not_exists(#Expires)"/'
fault sweep-forgets-where-it-was $S/sweep/position.rs 's/if_not_exists\(#PassStarted, :now\)/:now/'
fault sweep-keeps-a-position-before-its-deletes $S/sweep/segment.rs 's/done &= ended\?;/done |= ended?;/'
fault sweep-deletes-ghosts-with-a-session $S/condition.rs 's/(GHOST: &str = "\(attribute_not_exists\(#Expires\)).*?";/$1)";/s'
fault sweep-ends-when-throttled $S/sweep/run.rs 's/Err\(error\) if error.is_throttled\(\) => \{\n/Err(error) if error.is_throttled() \&\& failures == 0 => return Err(error),\nErr(error) if error.is_throttled() => {\n/'
fault sweep-forgets-what-it-spent $S/sweep/budget.rs 's/state.spent \+= units;//'
fault sweep-deletes-what-ttl-would $S/sweep/find.rs 's/due > overdue/due < overdue/'

if [ ${#missed[@]} -gt 0 ]; then
  echo "missed: ${missed[*]}"
  exit 1
fi
