//! Since when a channel counts whose settings do not say: since what lies at its locations was counted.
//!
//! What it shipped before a count was in that count, what it shipped since was not. So one instant serves
//! for all SKUs only where all were counted together; otherwise a person counts again, or says the time.

use std::time::Duration;

use channelsync_contract::time::Timestamp;

use super::super::refusal::Refusal;
use super::super::setup::{ChannelSetup, Setup};
use super::super::state::Ledger;

/// Counts this close to each other are one counting, since its first: a file goes out in parts. A parcel
/// of these seconds is taken off twice rather than not at all.
const ONE_COUNTING: Duration = Duration::from_secs(60);
/// What happened longer ago a channel may not tell to the end any more.
const AGE_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Settings in which every channel says since when it counts.
pub(super) fn settled(ledger: &Ledger, setup: &Setup, at: Timestamp) -> Result<Setup, Refusal> {
    let mut setup = setup.with_known(&ledger.setup);
    let silent = setup.channels.iter_mut();
    for channel in silent.filter(|channel| channel.book_from.is_none()) {
        channel.book_from = Some(counted(ledger, channel, at)?);
    }
    Ok(setup)
}

fn counted(ledger: &Ledger, channel: &ChannelSetup, at: Timestamp) -> Result<Timestamp, Refusal> {
    let pairs = channel.locations.iter();
    let served: Vec<_> = pairs
        .filter_map(|pair| ledger.location(pair.ours.as_str()))
        .collect();
    let stocks = ledger.skus.iter().flat_map(|(_, _, row)| &row.stocks);
    let here = stocks.filter(|stock| served.contains(&stock.location));
    let (mut first, mut last) = (None, None);
    for counted in here.filter_map(|stock| stock.counted) {
        first = Some(first.map_or(counted, |first: Timestamp| first.min(counted)));
        last = last.max(Some(counted));
    }
    let why = match (first, last) {
        (Some(first), Some(last)) if last.since(first) > ONE_COUNTING => {
            format!("SKUs at its locations were counted between {first} and {last}")
        }
        (Some(first), _) if at.since(first) > AGE_MAX => {
            format!("its locations were counted at {first}, too long ago")
        }
        (Some(first), _) => return Ok(first),
        (None, _) => "nothing was counted at its locations yet".to_owned(),
    };
    let channel = channel.id.clone();
    Err(Refusal::NoBookFrom { channel, why })
}
