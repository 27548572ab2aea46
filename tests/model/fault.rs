//! Seeded faults. Each is a mistake that the code could have, and the model checker must find it.

use serde_json::{Value, json};

use crate::code::Run;
use crate::dynamodb::{Answer, Request};
use crate::op::{Lock, Op, Reply};

/// A mistake in a call that the code sends to DynamoDB, or in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TouchClearsTheLock,
    TouchCreatesAnItem,
    RenewalMovesExpiresBackwards,
    LockIgnoresTheHolder,
    LockRefusesItsResend,
    LockAcceptsAReleasedKey,
    LockKeepsTheFlag,
    LockDoesNotNoteTheFlag,
    FetchDoesNotNoteTheKey,
    FetchIgnoresTheCurrentFlag,
    StoreIgnoresTheLock,
    StoreWithoutLockIgnoresTheHolder,
    StoreOverLiveCreatesASession,
    StoreKeepsTheLock,
    StoreRevivesAnExpiredSession,
    StoreHidesTheLostLock,
    LockedIsReportedAsMissing,
    LockReturnsAWrongGeneration,
    CreateLeavesOutTheGeneration,
    ConditionsLeaveOutTheGeneration,
    ReleaseKeepsTheLock,
    ReleaseRevivesAnExpiredSession,
    RemoveIgnoresTheHolder,
    RemoveDeletesANewerSession,
    CreateOverwrites,
    SweepHasNoCondition,
    SweepIgnoresAYoungLock,
    LeaseIsTakenOverEarly,
    LockLeavesTheTtl,
    StoreKeepsTheLease,
    RemoveHidesTheNewerSession,
    StoreHidesTheReusedKey,
    DeadlineIgnored,
}

impl Fault {
    /// Puts the mistake into a call of the operation, if the mistake concerns this call.
    pub(crate) fn rewrite(self, op: Op, request: &mut Request) {
        let mut body = request.json();
        let is = |api: &str| request.api == api;
        let free = " AND (attribute_not_exists(#Locked) OR #Locked = :unlocked \
                    OR (#LeaseOf = #LockId AND #LeaseEnds <= :now))";
        let generation = " AND #LockGeneration = :generation";
        match (self, op) {
            (Self::TouchClearsTheLock, Op::Touch { .. }) if is("UpdateItem") => {
                body["ExpressionAttributeNames"]["#Locked"] = "Locked".into();
                body["ExpressionAttributeValues"][":unlocked"] = json!({ "N": "0" });
                let update = body["UpdateExpression"].as_str().unwrap();
                let update = update.replacen("SET ", "SET #Locked = :unlocked, ", 1);
                body["UpdateExpression"] = update.into();
            }
            (Self::TouchCreatesAnItem, Op::Touch { .. }) if is("UpdateItem") => {
                drop_condition(&mut body);
            }
            (Self::RenewalMovesExpiresBackwards, Op::Touch { .. } | Op::Fetch { .. }) => {
                cut(&mut body, " AND (#Expires < :expires)");
            }
            (Self::LockIgnoresTheHolder, Op::Lock { .. }) => {
                cut(&mut body, free);
            }
            (Self::LockAcceptsAReleasedKey, Op::Lock { .. }) => {
                cut(&mut body, " AND (attribute_not_exists(#LockId) OR #LockId <> :key)");
            }
            (Self::LockKeepsTheFlag, Op::Lock { .. }) => {
                cut(&mut body, ", #Flags = :zero");
            }
            (Self::LockDoesNotNoteTheFlag, Op::Lock { .. }) => {
                cut(&mut body, " #LockFlags = if_not_exists(#Flags, :zero),");
            }
            (Self::FetchDoesNotNoteTheKey, Op::Fetch { .. }) => {
                cut(&mut body, ", #InitializedBy = :key");
            }
            (Self::StoreIgnoresTheLock, Op::Store { .. }) => {
                cut(&mut body, "(#LockId = :lock AND #LockGeneration = :generation) AND ");
            }
            (Self::StoreWithoutLockIgnoresTheHolder, Op::StoreWithoutLock { .. }) => {
                cut(&mut body, free)
            }
            (Self::StoreOverLiveCreatesASession, Op::StoreWithoutLock { .. })
                if is("UpdateItem") =>
            {
                drop_condition(&mut body);
            }
            (Self::StoreKeepsTheLock, Op::Store { .. }) => cut(&mut body, "#Locked = :unlocked, "),
            (Self::StoreRevivesAnExpiredSession, Op::Store { .. }) => {
                cut(&mut body, " AND (#Locked = :locked OR #Expires > :now)");
            }
            (
                Self::ConditionsLeaveOutTheGeneration,
                Op::Store { .. } | Op::Release { .. } | Op::Remove { .. },
            ) => {
                cut(&mut body, generation);
            }
            (Self::ReleaseKeepsTheLock, Op::Release { .. }) => {
                cut(&mut body, "#Locked = :unlocked, ");
            }
            (Self::ReleaseRevivesAnExpiredSession, Op::Release { .. }) => {
                cut(&mut body, " AND (#Expires > :now)");
            }
            (Self::RemoveIgnoresTheHolder, Op::Remove { lock: None }) => cut(&mut body, free),
            (Self::RemoveDeletesANewerSession, Op::Remove { lock: None }) => {
                cut(&mut body, " AND NOT (#CreateDate > :received AND #CreateDate <= :deadline)");
            }
            (Self::CreateOverwrites, Op::Create) => drop_condition(&mut body),
            (Self::CreateLeavesOutTheGeneration, Op::Create) => {
                body["Item"].as_object_mut().unwrap().remove("LockGeneration");
            }
            (Self::SweepHasNoCondition, Op::Sweep) => drop_condition(&mut body),
            (Self::SweepIgnoresAYoungLock, Op::Sweep) => {
                cut(&mut body, " AND NOT (#Locked = :locked AND #LockDate > :spared)");
            }
            (Self::LockLeavesTheTtl, Op::Lock { .. }) => {
                cut(&mut body, ", #Ttl = if_not_exists(#Ttl, :epoch) + :kept");
            }
            // A late copy of a touch then takes the lock back.
            (Self::StoreKeepsTheLease, Op::Store { .. }) => {
                cut(&mut body, " #LeaseOf, #LeaseEnds,");
            }
            (Self::LeaseIsTakenOverEarly, Op::Lock { .. }) => {
                cut(&mut body, " AND #LeaseEnds <= :now")
            }
            // The condition no longer checks that the flag is still set.
            (Self::FetchIgnoresTheCurrentFlag, Op::Fetch { .. }) => {
                cut(&mut body, " AND (#Flags = :one OR #Flags = :one_text)")
            }
            _ => return,
        }
        *request = Request::new(&request.api, &body);
    }

    /// Puts the mistake into a reply.
    pub(crate) fn change_reply(self, run: &Run<Answer>, reply: Reply) -> Reply {
        match (self, run.op, reply) {
            (
                Self::LockRefusesItsResend,
                Op::Lock { .. },
                Reply::Session { lock: Some(lock), .. },
            ) if run.answers[0].0.status != 200 => Reply::Locked(lock),
            (Self::StoreHidesTheLostLock, Op::Store { .. }, Reply::LockLost) => Reply::Done,
            (Self::RemoveHidesTheNewerSession, Op::Remove { .. }, Reply::CreatedSince)
            | (Self::StoreHidesTheReusedKey, Op::StoreWithoutLock { .. }, Reply::KeyReused) => {
                Reply::Done
            }
            (Self::LockedIsReportedAsMissing, Op::Lock { .. }, Reply::Locked(_)) => Reply::NotFound,
            (
                Self::LockReturnsAWrongGeneration,
                Op::Lock { .. },
                Reply::Session { content, initialize, lock: Some(lock) },
            ) => {
                let generation = lock.generation.map(|generation| generation - 1);
                Reply::Session { content, initialize, lock: Some(Lock { generation, ..lock }) }
            }
            _ => reply,
        }
    }
}

/// Removes a piece of text from both expressions.
fn cut(body: &mut Value, piece: &str) {
    for expression in ["ConditionExpression", "UpdateExpression"] {
        if let Some(text) = body[expression].as_str() {
            body[expression] = text.replace(piece, "").into();
        }
    }
}

fn drop_condition(body: &mut Value) {
    body.as_object_mut().unwrap().remove("ConditionExpression");
}
