//! Seeded faults: each is a mistake that the code could have had. The checker must find every one.

use serde_json::{Value, json};

use crate::code::Run;
use crate::dynamodb::{Answer, Request};
use crate::op::{Lock, Op, Told};

/// A mistake in a request that the code sent, or in what it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TouchClearsTheLock,
    TouchCreates,
    RenewsBackwards,
    LockIgnoresAHolder,
    LockRefusesItsResend,
    LockTakesWhatIsOver,
    LockLeavesTheFlag,
    LockForgetsWhoWasTold,
    FetchForgetsWhoWasTold,
    FetchTellsAgain,
    StoreIgnoresTheLock,
    StoreFreeIgnoresAHolder,
    StoreFreeMakesASession,
    StoreKeepsTheLock,
    StoreBringsBack,
    StoreHidesALostLock,
    HeldIsToldAsMissing,
    LockTellsAnotherGeneration,
    CreateForgetsTheGeneration,
    GenerationLeftOut,
    ReleaseLeavesTheLock,
    ReleaseBringsBack,
    RemoveIgnoresAHolder,
    RemoveTakesWhatIsNew,
    CreateOverwrites,
    SweepWithoutCondition,
    SweepIgnoresAYoungLock,
    LeaseIsNotAwaited,
    DeadlineIgnored,
}

impl Fault {
    /// Makes the mistake in a request, if it is one of those that it concerns.
    pub(crate) fn rewrite(self, op: Op, request: &mut Request) {
        let mut body = request.json();
        let is = |api: &str| request.api == api;
        let unlocked = " AND (attribute_not_exists(#Locked) OR #Locked = :unlocked)";
        let generation = " AND #LockGeneration = :generation";
        match (self, op) {
            (Self::TouchClearsTheLock, Op::Touch { .. }) if is("UpdateItem") => {
                body["ExpressionAttributeNames"]["#Locked"] = "Locked".into();
                body["ExpressionAttributeValues"][":unlocked"] = json!({ "N": "0" });
                append(&mut body, "UpdateExpression", ", #Locked = :unlocked");
            }
            (Self::TouchCreates, Op::Touch { .. }) if is("UpdateItem") => {
                drop_condition(&mut body);
            }
            (Self::RenewsBackwards, Op::Touch { .. } | Op::Fetch { .. }) => {
                cut(&mut body, " AND (#Expires < :expires)");
            }
            (Self::LockIgnoresAHolder, Op::Lock { .. }) => {
                cut(
                    &mut body,
                    "((attribute_not_exists(#Locked) OR #Locked = :unlocked) OR \
                     (#LeaseOf = #LockId AND #LeaseEnds <= :now)) AND ",
                );
            }
            (Self::LockTakesWhatIsOver, Op::Lock { .. }) => {
                cut(&mut body, " AND (attribute_not_exists(#LockId) OR #LockId <> :key)");
            }
            (Self::LockLeavesTheFlag, Op::Lock { .. }) => {
                cut(&mut body, ", #Flags = :zero");
            }
            (Self::LockForgetsWhoWasTold, Op::Lock { .. }) => {
                cut(&mut body, " #LockFlags = if_not_exists(#Flags, :zero),");
            }
            (Self::FetchForgetsWhoWasTold, Op::Fetch { .. }) => {
                cut(&mut body, ", #InitializedBy = :key");
            }
            (Self::StoreIgnoresTheLock, Op::Store { .. }) => {
                cut(&mut body, "(#LockId = :lock AND #LockGeneration = :generation) AND ");
            }
            (Self::StoreFreeIgnoresAHolder, Op::StoreFree { .. }) => cut(&mut body, unlocked),
            (Self::StoreFreeMakesASession, Op::StoreFree { .. }) if is("UpdateItem") => {
                drop_condition(&mut body);
            }
            (Self::StoreKeepsTheLock, Op::Store { .. }) => cut(&mut body, "#Locked = :unlocked, "),
            (Self::StoreBringsBack, Op::Store { .. }) => {
                cut(&mut body, " AND (#Locked = :locked OR #Expires > :now)");
            }
            (
                Self::GenerationLeftOut,
                Op::Store { .. } | Op::Release { .. } | Op::Remove { .. },
            ) => {
                cut(&mut body, generation);
            }
            (Self::ReleaseLeavesTheLock, Op::Release { .. }) => {
                cut(&mut body, "#Locked = :unlocked, ");
            }
            (Self::ReleaseBringsBack, Op::Release { .. }) => {
                cut(&mut body, " AND (#Expires > :now)");
            }
            (Self::RemoveIgnoresAHolder, Op::Remove { lock: None }) => cut(&mut body, unlocked),
            (Self::RemoveTakesWhatIsNew, Op::Remove { lock: None }) => {
                cut(
                    &mut body,
                    " AND (attribute_not_exists(#CreateDate) OR #CreateDate <= :received)",
                );
            }
            (Self::CreateOverwrites, Op::Create) => drop_condition(&mut body),
            (Self::CreateForgetsTheGeneration, Op::Create) => {
                body["Item"].as_object_mut().unwrap().remove("LockGeneration");
            }
            (Self::SweepWithoutCondition, Op::Sweep) => drop_condition(&mut body),
            (Self::SweepIgnoresAYoungLock, Op::Sweep) => {
                cut(&mut body, " AND NOT (#Locked = :locked AND #LockDate > :spared)");
            }
            (Self::LeaseIsNotAwaited, Op::Lock { .. }) => cut(&mut body, " AND #LeaseEnds <= :now"),
            // As if it had asked for the flag that it read, and not for the flag that is there.
            (Self::FetchTellsAgain, Op::Fetch { .. }) => cut(&mut body, " AND (#Flags = :one)"),
            _ => return,
        }
        *request = Request::new(&request.api, &body);
    }

    /// Makes the mistake in what is told.
    pub(crate) fn retell(self, run: &Run<Answer>, told: Told) -> Told {
        match (self, run.op, told) {
            (
                Self::LockRefusesItsResend,
                Op::Lock { .. },
                Told::Session { lock: Some(lock), .. },
            ) if run.answers[0].status != 200 => Told::Locked(lock),
            (Self::StoreHidesALostLock, Op::Store { .. }, Told::LockLost) => Told::Done,
            (Self::HeldIsToldAsMissing, Op::Lock { .. }, Told::Locked(_)) => Told::NotFound,
            (
                Self::LockTellsAnotherGeneration,
                Op::Lock { .. },
                Told::Session { content, initialize, lock: Some(lock) },
            ) => {
                let generation = lock.generation.map(|generation| generation - 1);
                Told::Session { content, initialize, lock: Some(Lock { generation, ..lock }) }
            }
            _ => told,
        }
    }
}

fn append(body: &mut Value, expression: &str, more: &str) {
    let text = body[expression].as_str().unwrap();
    body[expression] = format!("{text}{more}").into();
}

/// Takes a piece out of the expressions, wherever it is.
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
