//! The tasks that look at files that are master of a location.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channelsync_contract::LocationId;

use super::merchant::MerchantRunning;
use super::{Tasks, World};
use crate::board::Board;
use crate::inbox::{self, Files, Stamp, StockFile};
use crate::settings::{Master, MasterFile, Merchant};

/// A location whose file is looked at.
#[derive(Clone)]
pub struct FileWatched {
    /// Its settings.
    pub settings: MasterFile,
    /// What its task tells.
    pub board: Board,
    tasks: Tasks,
}

impl MerchantRunning {
    /// Looks at the files that the settings name, and at no others. Says which locations changed.
    pub(super) async fn watch_files(
        &mut self,
        world: &World,
        merchant: &Merchant,
        (tasks, deadline): (&Tasks, Duration),
    ) -> Vec<LocationId> {
        let named = merchant.masters.iter();
        let named: BTreeMap<&LocationId, &MasterFile> = named
            .filter_map(|(location, master)| match master {
                Master::File(file) => Some((location, file)),
                Master::Channel(_) => None,
            })
            .collect();
        let mut changed = Vec::new();
        for (location, watched) in std::mem::take(&mut self.files) {
            if named.get(&location) == Some(&&watched.settings) {
                self.files.insert(location, watched);
            } else {
                watched.tasks.end(deadline).await;
                changed.push(location);
            }
        }
        for (location, settings) in named {
            if !self.files.contains_key(location) {
                let watched = self.watch_file(world, location, settings, tasks.part());
                self.files.insert(location.clone(), watched);
                changed.push(location.clone());
            }
        }
        changed
    }

    fn watch_file(
        &self,
        world: &World,
        location: &LocationId,
        settings: &MasterFile,
        tasks: Tasks,
    ) -> FileWatched {
        let board = Board::default();
        let file = Arc::new(StockFile {
            location: location.clone(),
            path: settings.path.clone(),
            look_interval: settings.look_interval,
            files: Arc::new(Aside),
            book: self.book.clone(),
            clock: world.clock.clone(),
            park: self.parked.clone(),
            board: board.clone(),
        });
        let task = (file, tasks.stop.clone());
        tasks.start("stock file", move || {
            let (file, stop) = task.clone();
            async move { inbox::run_stock_file(&file, stop).await }
        });
        FileWatched {
            settings: settings.clone(),
            board,
            tasks,
        }
    }
}

/// Looks and reads on threads of their own: the disk may be a slow one far away.
struct Aside;

#[async_trait]
impl Files for Aside {
    async fn look(&self, path: PathBuf) -> Result<BTreeMap<PathBuf, Stamp>, String> {
        aside(move || inbox::look(&path)).await
    }

    async fn read(&self, path: PathBuf, seen: Stamp) -> Result<Option<Vec<u8>>, String> {
        aside(move || inbox::read_file(&path, seen)).await
    }
}

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}
