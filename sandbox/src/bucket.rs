//! The cost bucket of an app in a shop: points that restore with time.
//!
//! Rule: the requested cost must be there before execution, the difference to the actual cost
//! comes back after it. Millionths of a point are kept, so that time restores exactly.

use channelsync_contract::Timestamp;
use serde_json::{Value, json};

use crate::setup::Plan;

const MICRO: u64 = 1_000_000;

/// Points left, and how they come back.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    plan: Plan,
    micro_points: u64,
    at: Timestamp,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(plan: Plan, now: Timestamp) -> Self {
        Self {
            plan,
            micro_points: u64::from(plan.points_max) * MICRO,
            at: now,
        }
    }

    /// The plan it restores by.
    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    /// Changes plan; what is above the new size is lost.
    pub(crate) fn set_plan(&mut self, plan: Plan, now: Timestamp) {
        self.restore(now);
        self.plan = plan;
        self.micro_points = self.micro_points.min(self.full());
    }

    /// Takes `points`, or nothing and false where there are fewer.
    pub(crate) fn take(&mut self, points: u64, now: Timestamp) -> bool {
        self.restore(now);
        match self.micro_points.checked_sub(points.saturating_mul(MICRO)) {
            Some(left) => {
                self.micro_points = left;
                true
            }
            None => false,
        }
    }

    /// Gives points back.
    pub(crate) fn refund(&mut self, points: u64) {
        let sum = self
            .micro_points
            .saturating_add(points.saturating_mul(MICRO));
        self.micro_points = sum.min(self.full());
    }

    /// `throttleStatus` as in every answer.
    pub(crate) fn status(&self) -> Value {
        json!({
            "maximumAvailable": f64::from(self.plan.points_max),
            "currentlyAvailable": self.micro_points / MICRO,
            "restoreRate": f64::from(self.plan.restore_per_sec),
        })
    }

    fn restore(&mut self, now: Timestamp) {
        let micros = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let restored = micros.saturating_mul(u64::from(self.plan.restore_per_sec));
        self.micro_points = self.micro_points.saturating_add(restored).min(self.full());
        self.at = self.at.max(now);
    }

    fn full(&self) -> u64 {
        u64::from(self.plan.points_max) * MICRO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_taken_refunded_and_restored() {
        let at = |millis: i64| Timestamp(millis * 1000);
        let mut bucket = Bucket::new(Plan::STANDARD, at(0));
        assert!(bucket.take(2000, at(0)));
        assert!(!bucket.take(1, at(0)));
        bucket.refund(40);
        assert!(bucket.take(40, at(0)));
        assert!(!bucket.take(100, at(999)));
        assert!(bucket.take(100, at(1000)));
        bucket.refund(1_000_000);
        assert_eq!(bucket.status()["currentlyAvailable"], 2000);
        assert_eq!(bucket.status().to_string().matches("100.0").count(), 1);
    }
}
