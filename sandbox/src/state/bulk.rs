//! Bulk operations: queries that run by themselves and leave a file.

use std::time::Duration;

use bytes::Bytes;
use channelsync_contract::Timestamp;

use super::Shop;
use crate::graphql::bulk::write;
use crate::webhook::{News, Topic};

/// How long what an operation wrote may be read.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Operations that a shop remembers.
const OPERATIONS_MAX: usize = 100;

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: u64,
    pub(crate) query: String,
    /// As in the GraphQL enum.
    pub(crate) status: &'static str,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) objects: u64,
    pub(crate) roots: u64,
    /// What it wrote; none where there was nothing.
    pub(crate) file: Option<File>,
    /// Host and port of its file.
    pub(crate) address: String,
    grouped: bool,
    reads_at: Timestamp,
    ends_at: Timestamp,
    has_read: bool,
}

/// What an operation wrote.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) signature: String,
    pub(crate) bytes: Bytes,
    pub(crate) expires_at: Timestamp,
}

impl Operation {
    /// Whether it is not at its end.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status, "CREATED" | "RUNNING" | "CANCELING")
    }

    fn due(&self) -> Option<Timestamp> {
        let next = if self.has_read {
            self.ends_at
        } else {
            self.reads_at.min(self.ends_at)
        };
        self.is_running().then_some(next)
    }
}

impl Shop {
    /// Begins an operation.
    pub(crate) fn start_bulk(&mut self, query: &str, grouped: bool) -> u64 {
        let takes = self.timings.bulk_takes;
        let operation = Operation {
            id: self.ids.next(),
            query: query.to_owned(),
            status: "CREATED",
            error_code: None,
            created_at: self.now,
            completed_at: None,
            objects: 0,
            roots: 0,
            file: None,
            address: self.address.clone(),
            grouped,
            reads_at: self.now.plus(takes / 2),
            ends_at: self.now.plus(takes),
            has_read: false,
        };
        let id = operation.id;
        self.bulk.insert(id, operation);
        if self.bulk.len() > OPERATIONS_MAX {
            self.bulk.pop_first();
        }
        id
    }

    /// Stops an operation within a second; false where it is at its end.
    pub(crate) fn cancel_bulk(&mut self, id: u64) -> bool {
        let until = self.now.plus(Duration::from_secs(1));
        let running = self.bulk.get_mut(&id).filter(|one| one.is_running());
        running.is_some_and(|operation| {
            operation.status = "CANCELING";
            operation.ends_at = until;
            true
        })
    }

    /// When an operation goes on by itself next.
    pub(super) fn bulk_due(&self) -> Option<Timestamp> {
        self.bulk.values().filter_map(Operation::due).min()
    }

    /// Lets operations read the shop as it is now, and end, where their time has come.
    pub(super) fn advance_bulk(&mut self) {
        let now = self.now;
        let is_due = |one: &&Operation| one.due().is_some_and(|at| at <= now);
        let due: Vec<u64> = self
            .bulk
            .values()
            .filter(is_due)
            .map(|one| one.id)
            .collect();
        for id in due {
            // Out of the shop while it reads it.
            if let Some(mut operation) = self.bulk.remove(&id) {
                self.step_bulk(&mut operation);
                self.bulk.insert(id, operation);
            }
        }
    }

    fn step_bulk(&mut self, operation: &mut Operation) {
        if !operation.has_read && operation.status != "CANCELING" {
            self.read_bulk(operation);
        }
        if operation.ends_at > self.now {
            return;
        }
        operation.status = match (operation.status, operation.error_code) {
            ("CANCELING", _) => "CANCELED",
            (_, Some(_)) => "FAILED",
            (_, None) => "COMPLETED",
        };
        operation.completed_at = Some(self.now);
        self.tell(Topic::BulkOperationsFinish, News::Bulk(operation.id));
    }

    fn read_bulk(&mut self, operation: &mut Operation) {
        operation.has_read = true;
        operation.status = "RUNNING";
        let fails = self.dice.bulk.chance(self.faults.bulk_fails);
        let Ok(mut written) = write(self, &operation.query, operation.grouped) else {
            operation.error_code = Some("INTERNAL_SERVER_ERROR");
            return;
        };
        if fails {
            operation.error_code = Some("INTERNAL_SERVER_ERROR");
            written.halve();
        }
        (operation.objects, operation.roots) = (written.objects, written.roots);
        operation.file = (!written.text.is_empty()).then(|| File {
            signature: self.dice.bulk.hex(32),
            bytes: Bytes::from(written.text),
            expires_at: self.now.plus(KEPT),
        });
    }
}
