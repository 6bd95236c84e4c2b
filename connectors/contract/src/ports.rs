//! Time, randomness and tasks: everything a program gets from the world besides bytes.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::time::Timestamp;

/// The only source of time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Wall time, UTC. It may jump.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment of this process. It never goes back.
    fn uptime(&self) -> Duration;
    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// The only source of randomness.
pub trait Rng: Send + Sync {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;

    /// A number below `bound`; 0 when `bound` is 0. The bias of the remainder is accepted.
    fn below(&self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A random (version 4) UUID.
    fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        bytes[8..].copy_from_slice(&self.next_u64().to_le_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// The only way to start a task that runs beside its creator.
pub trait Spawn: Send + Sync {
    /// Starts `task`. The name appears in logs.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);
}

/// Runs `work` for at most `limit`; none when it did not finish in time.
pub async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T> + Send,
) -> Option<T> {
    let sleep = clock.sleep(limit);
    futures_util::pin_mut!(work, sleep);
    match futures_util::future::select(work, sleep).await {
        futures_util::future::Either::Left((value, _)) => Some(value),
        futures_util::future::Either::Right(_) => None,
    }
}
