#!/usr/bin/env bash
# Usage: tests/faults.sh [--histories | --check | --applies] [NAME ...]
# Proves the tests: puts faults into a copy of the code, one at a time. The run fails if all tests pass with
# a fault. With --histories, it takes only the faults that a history can show, and fails if no history of
# such a fault is impossible. Impossible histories are in target/faults/histories. With --check, it only asks
# whether each fault still changes the code and compiles: seconds each. With --applies, only whether it
# changes the code. With names, it takes only the faults with these names. FAULTS_TESTS can name the modules of
# the tests to run, for example "lock:: store::".
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$PWD/target/faults/tree
kept=$PWD/target/faults/histories
seconds=${FAULTS_SECONDS:-60}
export CARGO_TARGET_DIR=$PWD/target/faults/target
mode=tests
case "${1-}" in
  --histories | --check | --applies)
    mode=${1#--}
    shift
    ;;
  -*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'
    exit 2
    ;;
esac
only=("$@")
seen=0
missed=()
mkdir -p "$kept"

# Copies the working tree, with new files and without deleted files.
copy_tree() {
  rm -rf "$copy" && mkdir -p "$copy"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    xargs -0 cp --parents -t "$copy"
}

# both NAME FILE PERL: a fault for the tests and for the histories. The Perl expression must change the file.
both() {
  local name=$1 file=$2 change=$3
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return 0
  if [ $mode = applies ]; then
    if perl -0pe "$change" "$file" | cmp -s "$file" -; then
      miss "$name" "the Perl expression does not change $file"
    else
      seen=$((seen + 1))
    fi
    return
  fi
  copy_tree
  perl -0pi -e "$change" "$copy/$file"
  if cmp -s "$file" "$copy/$file"; then
    miss "$name" "the Perl expression does not change $file"
  elif ! (cd "$copy" && cargo build --quiet -p session-store -p functions) 2>"$copy/build.log"; then
    miss "$name" "does not compile"
    cat "$copy/build.log"
  else
    "ask_$mode" "$name"
  fi
}

# tests NAME FILE PERL: a fault for the tests only. No history can show it, because it takes longer than a
# history, or concerns the sweep, or changes only what a caller is told.
tests() {
  [ $mode = histories ] || both "$@"
}

run_tests() {
  (cd "$copy" && cargo test --quiet --no-fail-fast -p session-store -p functions -p tests -- --skip race:: ${FAULTS_TESTS-}) \
    >"$copy/test.log" 2>&1
}

ask_tests() {
  local failed
  if run_tests; then
    miss "$1" "NO TEST DETECTS IT"
  elif failed=$(grep -oE '^    [a-z_]+::.*' "$copy/test.log" | sort -u) && [ -n "$failed" ]; then
    see "$1" "detected by $(wc -l <<<"$failed") tests, for example $(head -1 <<<"$failed" | xargs)"
  else
    miss "$1" "THE TESTS DID NOT RUN"
    tail -20 "$copy/test.log"
  fi
}

# It compiles, and in this mode nothing more is asked.
ask_check() {
  see "$1" "changes the code, and compiles"
}

ask_histories() {
  local said
  said=$(cd "$copy" && cargo test --quiet -p tests --test histories -- \
    --seed 1 --seconds "$seconds" --out "$kept/$1.txt" 2>/dev/null) || true
  if grep -q 'is impossible' <<<"$said"; then
    see "$1" "$(grep -oE '^[0-9]+ operations in [0-9]+ histories' <<<"$said"), then one was impossible"
  else
    miss "$1" "NO HISTORY SHOWS IT"
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
  run_tests || { echo "the tests fail even without a fault, see $copy/test.log"; exit 1; }
fi

S=shared/src
both  touch-clears-the-lock $S/operations/renewal.rs 's/let update = format!\("SET \{\} REMOVE #Reserved"/let update = format!("SET #Locked = :unlocked, {} REMOVE #Reserved"/'
tests touch-creates $S/operations/touch.rs 's/let item = self.live\(self.get\(id\).await\?, time\)\?;/let Some(item) = self.get(id).await? else { let v = self.expires_values(Values::at(time.now), time.now, None); self.update(id, "SET #Expires = :expires", "attribute_not_exists(#Expires)", &v, ReturnValue::None).await?; return Ok(()); };/'
both  lock-ignores-a-holder $S/operations/lock_write.rs 's/condition::FREE,/"attribute_exists(#Expires)",/'
both  lock-refuses-its-own-resend $S/operations/explain.rs 's/Some\(lock\) if lock.id.key == key =>/Some(lock) if lock.id.key == key \&\& lock.lease_ends.is_some() =>/'
both  store-ignores-the-lock-id $S/item/condition.rs 's/const HELD: &str = "\(#LockId = :lock AND #LockGeneration = :generation\)"/const HELD: \&str = "(attribute_exists(#LockId))"/'
both  store-says-done-after-losing-the-lock $S/operations/store.rs 's/self.write_with_timeout\(timeout, write, explain\).await\?;\n(\s*)Ok\(Stored::Replaced\)\n(\s*)\}\n\n(\s*)async fn store_without_lock/match self.write_with_timeout(timeout, write, explain).await { Ok(_) | Err(Error::LockLost) => Ok(Stored::Replaced), Err(e) => Err(e) }\n}\n\nasync fn store_without_lock/'
tests sweep-deletes-without-its-condition $S/sweep/expire.rs 's/self.delete\(id, condition::SWEEPABLE,/self.delete(id, "attribute_exists(#Key)",/'
both  create-overwrites $S/operations/create.rs 's/condition::ABSENT, &values/"#Expires <= :now OR #Expires > :now OR attribute_not_exists(#Expires)", \&values/'
both  a-resent-store-overwrites $S/item/condition.rs 's/#StoredBy <> :key\)/attribute_exists(#StoredBy))/'
both  initialize-told-twice $S/operations/fetch.rs 's/let initialize = item.is_initialized_by\(&key\)\?;/let initialize = item.is_initialized_by(\&key)? || item.lock()?.is_none();/g'
tests a-flag-that-is-gone-is-cleared-again $S/operations/fetch.rs 's/condition::UNINITIALIZED/condition::LIVE/'
tests a-fetch-takes-the-flag-of-a-holder $S/operations/fetch.rs 's/condition::FREE,/condition::LIVE,/'
tests expiry-the-wrong-way-round $S/item/condition.rs 's/"\(#Expires > :now AND/"(#Expires < :now AND/'
both  failure-answered-as-404 functions/src/http/problem.rs 's/StatusCode::SERVICE_UNAVAILABLE,\n(\s*)ProblemKind::Unavailable/StatusCode::NOT_FOUND,\n$1ProblemKind::NotFound/'
both  release-leaves-it-locked $S/operations/release_held.rs 's/"SET #Locked = :unlocked, \{expires_clauses\}/"SET {expires_clauses}/'
tests generation-left-out $S/item/condition.rs 's/#LockId = :lock AND #LockGeneration = :generation/#LockId = :lock AND attribute_exists(#LockGeneration)/'
both  flag-cleared-without-noting-who-in-a-fetch $S/operations/fetch.rs 's/SET #Flags = :zero, #InitializedBy = :key/SET #Flags = :zero/'
tests flag-cleared-without-noting-it-in-a-lock $S/operations/lock_write.rs 's/#LockFlags = if_not_exists\(#Flags, :zero\), //'
tests renewal-moves-expires-backwards $S/item/condition.rs 's/"\(#Expires < :expires\)"/"(attribute_exists(#Expires))"/'
both  a-timeout-is-overwritten $S/item/condition.rs 's/"\(#Timeout = :timeout\)"/"(attribute_exists(#Timeout))"/'
tests remove-ignores-when-it-was-created $S/item/condition.rs 's/NOT \(#CreateDate > :received AND #CreateDate <= :deadline\)/NOT (#CreateDate > :received AND #CreateDate <= :received AND #CreateDate <= :deadline)/'
both  remove-ignores-the-holder $S/operations/remove.rs 's/condition::FREE, condition/condition::LIVE, condition/'
tests late-requests-still-write $S/operations/deadline.rs 's/if left.is_zero\(\)/if false/'
tests an-operation-goes-on-past-its-deadline $S/operations/deadline.rs 's/tokio::time::timeout\(left,/tokio::time::timeout(left * 100,/'
both  a-late-lock-takes-the-lock $S/operations/lock_write.rs 's/condition::NOT_RELEASED,/"attribute_exists(#Expires)",/'
tests lock-without-renewal $S/operations/lock.rs 's/self.renew_if_near_end\(id, &mut session, options.timeout, time\).await;/Ok::<(), Error>(());/; s/let \(mut session, time\)/let (session, time)/; s/    async fn renew_if_near_end/    #[expect(dead_code, reason = "the fault")]\n    async fn renew_if_near_end/'
tests too-large-keeps-the-lock $S/operations/store.rs 's/self.release_held\(id, lock, timeout, time\).await\?;/let _ = lock;/'
tests session-id-in-the-log functions/src/http/request.rs 's/map\(\|id\| id.hash\(\)\)/map(|_| format!("{:?}", request.headers()))/'
tests a-lease-outlives-its-lock $S/item/condition.rs 's/OR \(#LeaseOf = #LockId AND #LeaseEnds <= :now\)\)/OR #LeaseEnds <= :now)/'
tests a-lease-is-never-over $S/item/condition.rs 's/#LeaseEnds <= :now\)/#LeaseEnds < :unlocked)/'
tests a-waiter-is-blind-to-the-end $S/operations/waiting.rs 's/if item.is_live\(time.now\)\? => item/if item.is_locked()? => item/'
tests a-waiter-takes-its-own-lock-for-another-s $S/operations/waiting.rs 's/lock.filter\(\|lock\| lock.id.key != key\)/lock.filter(|lock| lock.id.key != key || true)/'
tests a-waiter-writes-without-looking $S/operations/lock.rs 's/Look::Held\(held, units\) => \{\s*backoff.observe\(&held, units\);\s*lock = held;/Look::Held(held, units) => { backoff.observe(\&held, units); if let LockAttempt::Acquired(session) = self.try_lock(id, options, now).await? { return Ok((session, now)); } lock = held;/'
tests sweep-takes-another-pass-for-its-own $S/sweep/position.rs 's/"\(#PassStarted = :pass\)"/"attribute_not_exists(#Expires)"/'
tests sweep-forgets-where-it-was $S/sweep/position.rs 's/if_not_exists\(#PassStarted, :now\)/:now/'
tests sweep-keeps-a-position-before-its-deletes $S/sweep/segment.rs 's/done &= ended\?;/done |= ended?;/'
tests sweep-deletes-ghosts-with-a-session $S/item/condition.rs 's/(GHOST: &str = "\(attribute_not_exists\(#Expires\)).*?";/$1)";/s'
tests sweep-ends-when-throttled $S/sweep/calls.rs 's/Err\(error\) if error.is_throttled\(\) => \{\n/Err(error) if error.is_throttled() \&\& failures == 0 => return Err(error),\nErr(error) if error.is_throttled() => {\n/'
tests sweep-forgets-what-it-spent $S/sweep/budget.rs 's/\(state.paid_until \+ spent\)/state.paid_until/'
tests sweep-makes-ghosts $S/sweep/expire.rs 's/"attribute_exists\(#Key\) AND \{\}/"{}/'
tests sweep-fears-for-the-healthy $S/sweep/page.rs 's/now - Duration::from_secs\(1\)/now - Duration::ZERO/'
tests sweep-refuses-its-schedule functions/src/sweep.rs 's/Some\(Value::String\(text\)\) =>/Some(Value::String(text)) if text.is_empty() =>/'
tests sweep-deletes-what-ttl-would $S/sweep/finding.rs 's/due > overdue/due < overdue/'
tests a-remove-says-gone-of-a-newer-session $S/operations/remove.rs 's/return Err\(why_not_removed\(&item, now\)\);/return match why_not_removed(\&item, now) { Error::CreatedSince => Ok(()), other => Err(other) };/'
tests a-date-ahead-keeps-a-session $S/operations/remove.rs 's/free && \*\*created > \*now.to_string\(\)/free \&\& *now.to_string() < **created \&\& false/'
tests a-resent-remove-takes-a-new-session $S/operations/remove.rs 's/time.after\(started.elapsed\(\)\).now/{ let _ = started; time.now }/'
tests libraries-write-into-the-log functions/src/log.rs 's/with_default\(LevelFilter::OFF\)/with_default(LevelFilter::TRACE)/'
tests an-unknown-code-is-logged-as-it-came $S/error/failure.rs 's/let code = any_code.and_then\(known\);/let code = any_code.map(|code| \&*Box::leak(code.to_owned().into_boxed_str()));/; s/^fn known/#[expect(dead_code, reason = "the fault")]\nfn known/m'
both  a-reused-key-is-told-done $S/operations/explain.rs 's/is_none_or\(\|digest\| digest == mark.digest\)/is_none_or(|digest| digest == mark.digest || true)/'
tests a-lock-leaves-the-ttl $S/operations/ttl_for_holder.rs 's/", #Ttl = if_not_exists\(#Ttl, :epoch\) \+ :kept"/""/'
tests a-renewal-moves-the-ttl-back $S/operations/renewal.rs 's/let free = format!\("\{condition\} AND \{\}", condition::FREE\);/let free = condition.clone();/'
tests a-store-reserves-nothing $S/operations/store_write.rs 's/let reserved = reserved\(stored.as_ref\(\)\);/let reserved = reserved(stored.as_ref()).filter(|_| false);/'
tests a-full-item-is-told-as-a-passing-failure $S/error/failure.rs 's/_ if too_large => FailureCause::ItemTooLarge/_ if too_large => FailureCause::Fault/'
tests what-was-read-cannot-be-stored $S/item/condition.rs 's/"size\(#SessionItems\) >= :size"/"size(#SessionItems) < :unlocked"/'
tests a-cleared-lease-is-not-taken-back $S/item/condition.rs 's/\\\n     OR #Locked = :unlocked AND #LeaseOf = #LockId\)/)/'
tests a-refused-renewal-lies $S/operations/touch.rs 's/true => Err\(Error::NotLocked\)/true => Err(Error::LockLost)/'
tests a-late-touch-takes-the-lock-back $S/operations/store_write.rs 's/remove: "#LeaseOf, #LeaseEnds, #InitializedBy"/remove: "#InitializedBy"/'
tests a-store-leaves-what-a-fetch-was-told $S/operations/store_write.rs 's/remove: "#LeaseOf, #LeaseEnds, #InitializedBy"/remove: "#LeaseOf, #LeaseEnds"/'
tests an-empty-answer-is-no-session $S/dynamodb/failure.rs 's/capacity.ok_or_else\(\|\| \{\n(\s*)self.meter.failed\(\);\n\s*Failure::bad_answer\(operation\).into\(\)\n\s*\}\)/{ let _ = operation; static NONE: std::sync::OnceLock<ConsumedCapacity> = std::sync::OnceLock::new(); Ok(capacity.unwrap_or_else(|| NONE.get_or_init(|| ConsumedCapacity::builder().build()))) }/'
tests sweep-ignores-the-capacity-of-the-table $S/sweep/options.rs 's/let Some\(units\) = units else \{ return asked \};/let Some(units) = units.filter(|_| false) else { return asked };/'
tests sweep-goes-on-without-knowing-the-capacity functions/src/sweep.rs 's/Err\(TableError::Failed \{ source, .. \}\) => Err\(source.into\(\)\),/Err(TableError::Failed { .. }) => Ok(options),/'
tests a-rest-event-is-read-as-an-http-event functions/src/event/rest.rs 's/event\["version"\] != "2.0" && event/event["version"] == "2.0" \&\& event/'
tests basic-publishes-every-number functions/src/metrics.rs 's/MetricsLevel::Basic => emf.format\(&Only \{ event, metrics: basic \}, &mut line\)/MetricsLevel::Basic => { let _ = Only { event, metrics: basic }.metrics; emf.format(event, \&mut line) }/'
tests a-failed-sweep-counts-as-a-request functions/src/metrics.rs 's/let mut of_sweeps = Vec::new\(\);/let mut of_sweeps = vec![vec!["Outcome"]];/'

echo "$seen faults detected, ${#missed[@]} missed${missed[*]:+: ${missed[*]}}"
[ $((seen + ${#missed[@]})) -gt 0 ] || echo "no fault has this name: ${only[*]}"
[ "$seen" -gt 0 ] && [ ${#missed[@]} -eq 0 ]
