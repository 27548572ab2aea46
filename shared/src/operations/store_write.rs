//! The three writes of a store: under a lock, into a live session, and of a whole item.

use aws_sdk_dynamodb::types::ReturnValue;

use super::store_mark::StoreMark;
use super::timeout_source::TimeoutSource;
use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::attribute::SESSION_ITEMS;
use crate::item::{
    Item, MAX_ITEM_BYTES, RESERVED_BYTES, before_base64, condition, item_bytes, number, reserved,
    room, session_items, size, text,
};
use crate::values::{LockId, Precondition, RequestTime, SessionId};

/// What a store into an existing item writes besides the session items and the new `Expires`.
struct Change {
    /// More `SET` clauses.
    set: &'static str,
    /// The `REMOVE` clauses.
    remove: &'static str,
    condition: String,
    values: Values,
    /// How many bytes of other attributes the store adds at most.
    added: usize,
}

/// The largest size of a TTL value, in bytes.
const MAX_NUMBER_BYTES: usize = 7;

/// The bytes that [`SessionStore::write_into_live`] adds at most: `StoredBy`, `StoredDigest` and
/// `CreateDate`, names and values.
const MARK_BYTES: usize = (8 + 36) + (12 + 16) + (10 + 24);

impl SessionStore {
    /// Stores under the lock. `LockId` stays on the item: a resend is recognized by it.
    pub(crate) async fn write_held(
        &self,
        id: &SessionId,
        lock: LockId,
        items: &[u8],
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let change = Change {
            set: "",
            remove: "#LeaseOf, #LeaseEnds, #InitializedBy",
            condition: format!(
                "{} AND {}",
                condition::held(&lock),
                condition::STILL_LOCKED_OR_UNEXPIRED
            ),
            values: Values::at(time.now).lock(&lock),
            added: 0,
        };
        self.write_items(id, change, items, source, time).await
    }

    /// Stores into a live session, without a lock. Removes `LockId`: otherwise a holder whose lock
    /// was released by a waiter could still overwrite this store.
    pub(crate) async fn write_into_live(
        &self,
        id: &SessionId,
        mark: &StoreMark,
        items: &[u8],
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let change = Change {
            // Without LockId and SessionItems, only CreateDate tells the session from a ghost.
            set: ", #StoredBy = :key, #StoredDigest = :digest, \
                  #CreateDate = if_not_exists(#CreateDate, :now)",
            remove: "#LockId, #LeaseOf, #LeaseEnds, #InitializedBy",
            condition: [condition::LIVE, condition::FREE, condition::NOT_STORED].join(" AND "),
            values: Values::at(time.now).key(&mark.key).with(":digest", text(&mark.digest)),
            added: MARK_BYTES,
        };
        self.write_items(id, change, items, source, time).await
    }

    /// Stores a whole new item, without a lock. Replaces an unlocked session if the precondition
    /// allows it.
    pub(crate) async fn write_whole(
        &self,
        id: &SessionId,
        mark: &StoreMark,
        precondition: Precondition,
        items: &[u8],
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let free = [condition::LIVE, condition::FREE, condition::NOT_STORED].join(" AND ");
        let condition = match (precondition, source) {
            (Precondition::New, _) => condition::ABSENT.to_owned(),
            // The timeout is that of the session in the image. If that session has ended since, no
            // new session may inherit it.
            (_, TimeoutSource::Session(_)) => source.and(&free),
            _ => format!("{} OR ({})", condition::ABSENT, source.and(&free)),
        };
        let expires = time.now + source.timeout().duration();
        let mut item = self.new_item(time.now, expires, source.stored(), false);
        item.extend(mark.attributes());
        // All attributes of the item are known, so the reserved bytes need no attribute here.
        let others = item_bytes(&item) + self.key_bytes(id) + SESSION_ITEMS.len() + RESERVED_BYTES;
        let limit = before_base64(MAX_ITEM_BYTES - others);
        if items.len() > limit {
            return Err(Error::TooLarge { size: items.len(), limit });
        }
        item.extend(session_items(items).map(|items| (SESSION_ITEMS.to_owned(), items)));
        let values = self.expires_values(Values::at(time.now), expires, source.stored());
        self.put(id, item, &condition, &values.key(&mark.key)).await
    }

    /// Writes the session items into an existing item. DynamoDB decides whether they fit, because
    /// other programs may have attributes of their own on the item.
    async fn write_items(
        &self,
        id: &SessionId,
        change: Change,
        items: &[u8],
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let expires = time.now + source.timeout().duration();
        let stored = session_items(items);
        let length = stored.as_ref().map_or(0, size);
        let mut values = self
            .expires_values(change.values, expires, source.stored())
            .with(":ver", text(1))
            .with(":size", number(length));
        let mut set = format!(
            "SET #Locked = :unlocked, #Flags = :zero, #Ver = :ver, {}{}",
            self.set_expires(source.stored()),
            change.set
        );
        let mut remove = change.remove.to_owned();
        let reserved = reserved(stored.as_ref());
        match stored {
            Some(items) => {
                set.push_str(", #SessionItems = :items");
                values = values.with(":items", items);
            }
            None => remove.push_str(", #SessionItems"),
        }
        let without_reserve = format!("{set} REMOVE {remove}, #Reserved");
        let update = match reserved {
            Some(reserved) => {
                values = values.with(":reserved", reserved);
                format!("{set}, #Reserved = :reserved REMOVE {remove}")
            }
            None => without_reserve.clone(),
        };
        let condition = source.and(&change.condition);
        match self.update(id, &update, &condition, &values, ReturnValue::None).await {
            Err(error) if error.is_item_too_large() => {}
            written => return written,
        }
        // What was read can be stored: the reserved bytes are needed only if the session grows.
        let condition = format!("{condition} AND {}", condition::NO_LARGER);
        let too_large = |limit| Error::TooLarge { size: items.len(), limit };
        match self.update(id, &without_reserve, &condition, &values, ReturnValue::None).await {
            Ok(Outcome::Refused(Some(image))) if image.session_items_bytes() < length => {
                Err(too_large(self.limit_beside(&image, change.added)))
            }
            // The store adds other attributes, and they leave no room.
            Err(error) if error.is_item_too_large() => {
                Err(too_large(items.len().saturating_sub(RESERVED_BYTES)))
            }
            written => written,
        }
    }

    /// How many bytes of session items fit beside the attributes of `image`, if the store adds
    /// `added` bytes of other attributes.
    fn limit_beside(&self, image: &Item, added: usize) -> usize {
        let ttl = match &self.settings.ttl {
            Some(ttl) if !image.0.contains_key(&ttl.attribute) => {
                ttl.attribute.len() + MAX_NUMBER_BYTES
            }
            _ => 0,
        };
        let room = room(&image.0, added + ttl);
        // If nothing is added, what is there fits again.
        let current = before_base64(image.session_items_bytes());
        if added + ttl == 0 { room.max(current) } else { room }
    }
}
