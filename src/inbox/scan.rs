//! Reads the whole catalog of a channel: what is sold, under which SKU.

use channelsync_contract::ListingId;
use channelsync_contract::bulk::{Bulk, BulkRows};
use channelsync_contract::connector::ConnectorError;
use channelsync_contract::listing::ChannelListing;
use tokio_util::sync::CancellationToken;

use super::bulk::{self, File, LISTINGS, Next};
use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::Command;
use crate::normalize;

/// Listings in one entry.
const ENTRY_LISTINGS_MAX: usize = 500;

/// Pages before the rest is left to a file, where the channel writes files: five thousand listings,
/// which take as long under the smallest plan as a file does.
const PAGES_MAX: usize = 20;
/// With more listings than this a file is asked for at once.
const LISTINGS_MAX: u32 = 5_000;

enum Broken {
    Channel(ConnectorError),
    Book(BookError),
}

/// How a catalog was read.
enum Read {
    /// All of it; these are there.
    Whole(Vec<ListingId>),
    /// It is too long for pages.
    TooLong,
    /// No file came, for this reason.
    NoFile(String),
    Stopped,
}

/// Scans at the start, every interval, and when called, until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    let mut failures = 0;
    loop {
        let pause = match scan(feed, &stop).await {
            Ok(()) => {
                failures = 0;
                feed.board.scanned(feed.clock.now());
                feed.succeeded("scan");
                feed.scan_interval
            }
            Err(Broken::Channel(error)) => {
                failures += 1;
                feed.failed("scan", &error, failures - 1)
            }
            Err(Broken::Book(error)) => return Err(error),
        };
        if !feed.rest(pause, Some(&feed.scan_now), &stop).await {
            return Ok(());
        }
    }
}

async fn scan(feed: &Feed, stop: &CancellationToken) -> Result<(), Broken> {
    check_locations(feed).await?;
    let bulk = feed.connector.bulk.as_deref();
    let mut read = match bulk {
        Some(bulk) if is_long(feed).await.map_err(Broken::Book)? => {
            by_file(feed, bulk, stop).await?
        }
        Some(_) => by_pages(feed, PAGES_MAX).await?,
        None => by_pages(feed, usize::MAX).await?,
    };
    if let (Read::TooLong, Some(bulk)) = (&read, bulk) {
        read = by_file(feed, bulk, stop).await?;
    }
    if let Read::NoFile(why) = &read {
        let channel = feed.channel.as_str();
        tracing::warn!(channel, why, "no file of listings comes, going on by pages");
        read = by_pages(feed, usize::MAX).await?;
    }
    let Read::Whole(all) = read else {
        return Ok(());
    };
    let (channel, listings) = (feed.channel.clone(), Vec::new());
    let complete = Some(all);
    let command = Command::Listings {
        channel,
        listings,
        complete,
    };
    book(feed, command).await?;
    bulk::end(feed, LISTINGS).await.map_err(Broken::Book)
}

/// Whether a file is under way, or would be asked for after many pages.
async fn is_long(feed: &Feed) -> Result<bool, BookError> {
    let channel = feed.channel.clone();
    let read = feed.book.wait_and_read(move |ledger| {
        let known = ledger.channel_named(channel.as_str());
        known.is_some_and(|known| {
            known.bulks.contains_key(LISTINGS) || known.listings.len() > LISTINGS_MAX
        })
    });
    read.await
}

async fn by_pages(feed: &Feed, pages_max: usize) -> Result<Read, Broken> {
    let mut all: Vec<ListingId> = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..pages_max {
        let read = feed.connector.listings.listings(page.as_deref()).await;
        let read = read.map_err(Broken::Channel)?;
        all.extend(read.listings.iter().map(|listing| listing.id.clone()));
        list(feed, read.listings).await?;
        page = read.next;
        if page.is_none() {
            return Ok(Read::Whole(all));
        }
    }
    Ok(Read::TooLong)
}

async fn by_file(feed: &Feed, bulk: &dyn Bulk, stop: &CancellationToken) -> Result<Read, Broken> {
    let asked = bulk::ask(feed, LISTINGS, None)
        .await
        .map_err(Broken::Book)?;
    let mut file = File::new(feed, bulk, asked);
    let mut all: Vec<ListingId> = Vec::new();
    loop {
        match file.next(stop).await.map_err(Broken::Book)? {
            Next::Rows(BulkRows::Listings(listings)) => {
                all.extend(listings.iter().map(|listing| listing.id.clone()));
                list(feed, listings).await?;
            }
            Next::Rows(BulkRows::Orders(_)) => {}
            Next::Whole => return Ok(Read::Whole(all)),
            Next::Stopped => return Ok(Read::Stopped),
            Next::Failed(why) => {
                bulk::end(feed, LISTINGS).await.map_err(Broken::Book)?;
                return Ok(Read::NoFile(why));
            }
        }
    }
}

/// Books listings as they are shown.
async fn list(feed: &Feed, listings: Vec<ChannelListing>) -> Result<(), Broken> {
    let reports: Vec<_> = listings.into_iter().map(normalize::listing).collect();
    for listings in reports.chunks(ENTRY_LISTINGS_MAX) {
        let (channel, listings) = (feed.channel.clone(), listings.to_vec());
        let complete = None;
        let command = Command::Listings {
            channel,
            listings,
            complete,
        };
        book(feed, command).await?;
    }
    Ok(())
}

async fn book(feed: &Feed, command: Command) -> Result<(), Broken> {
    let origin = feed.origin("scan", feed.clock.now().to_string());
    feed.book
        .book(command, origin)
        .await
        .map(drop)
        .map_err(Broken::Book)
}

/// Locations named in the settings that the channel does not have, or not any more.
async fn check_locations(feed: &Feed) -> Result<(), Broken> {
    let known = feed
        .connector
        .listings
        .locations()
        .await
        .map_err(Broken::Channel)?;
    let channel = feed.channel.clone();
    let wanted = feed.book.wait_and_read(move |ledger| {
        let setup = ledger
            .channel_named(channel.as_str())
            .and_then(|known| known.setup.as_ref());
        let pairs = setup
            .map(|setup| setup.locations.clone())
            .unwrap_or_default();
        pairs
            .into_iter()
            .filter_map(|pair| pair.theirs)
            .collect::<Vec<_>>()
    });
    let wanted = wanted.await.map_err(Broken::Book)?;
    let active = |id: &_| {
        known
            .iter()
            .any(|location| location.active && location.id == *id)
    };
    let absent: Vec<String> = wanted
        .iter()
        .filter(|id| !active(*id))
        .map(ToString::to_string)
        .collect();
    let error = (!absent.is_empty()).then(|| {
        format!(
            "the channel has no active location {}: correct the settings",
            absent.join(", ")
        )
    });
    if feed
        .board
        .ended("locations", feed.clock.now(), error.clone())
        && let Some(error) = error
    {
        tracing::error!(channel = %feed.channel, error, "location missing on the channel");
    }
    Ok(())
}
