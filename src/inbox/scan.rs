//! Reads the whole catalog of a channel: what is sold, under which SKU.

use channelsync_contract::ListingId;
use channelsync_contract::connector::ConnectorError;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::Command;
use crate::normalize;

/// Listings in one entry.
const ENTRY_LISTINGS_MAX: usize = 500;

enum Broken {
    Channel(ConnectorError),
    Book(BookError),
}

/// Scans at the start, every interval, and when called, until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    let mut failures = 0;
    loop {
        let pause = match scan(feed).await {
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

async fn scan(feed: &Feed) -> Result<(), Broken> {
    check_locations(feed).await?;
    let mut all: Vec<ListingId> = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let read = feed.connector.listings.listings(page.as_deref()).await;
        let read = read.map_err(Broken::Channel)?;
        all.extend(read.listings.iter().map(|listing| listing.id.clone()));
        let reports: Vec<_> = read.listings.into_iter().map(normalize::listing).collect();
        for listings in reports.chunks(ENTRY_LISTINGS_MAX) {
            let (channel, listings) = (feed.channel.clone(), listings.to_vec());
            book(
                feed,
                Command::Listings {
                    channel,
                    listings,
                    complete: None,
                },
            )
            .await?;
        }
        page = read.next;
        if page.is_none() {
            break;
        }
    }
    let (channel, listings) = (feed.channel.clone(), Vec::new());
    book(
        feed,
        Command::Listings {
            channel,
            listings,
            complete: Some(all),
        },
    )
    .await
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
