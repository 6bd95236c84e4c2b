//! Reads what a channel shows of SKUs that were never counted. Nothing is booked here.

use std::time::Duration;

use channelsync_contract::ChannelId;
use channelsync_contract::connector::Connector;
use channelsync_contract::ports::{Clock, within};

use crate::ats::{OpeningPage, openings, slots_to_open};
use crate::bookkeeper::Handle;
use crate::ledger::LocIx;
use crate::normalize;

/// Somebody waits for the answer.
const READ_TIME_MAX: Duration = Duration::from_secs(20);
/// Clocks differ, and channels tell whole seconds: a parcel of these seconds is taken off twice rather
/// than not at all.
const SKEW: Duration = Duration::from_secs(2);

/// Reads the slots of items from `from` on, and says what must lie there; with `only`, at that
/// location.
///
/// # Errors
/// Why it cannot be told now, for a person.
pub async fn open(
    (channel, connector): (&ChannelId, &Connector),
    (book, clock): (&Handle, &dyn Clock),
    from: u32,
    only: Option<LocIx>,
) -> Result<OpeningPage, String> {
    let (name, most) = (channel.clone(), connector.capabilities.read_back_max);
    let planned = book.read(move |ledger| {
        let number = ledger.channel_ix(name.as_str())?;
        Some(slots_to_open(ledger, number, from, most, only))
    });
    let planned = planned.await.map_err(|error| error.to_string())?;
    let (slots, end) = planned.ok_or_else(|| format!("no channel {channel}"))?;
    let began = clock.now();
    let mut read = Vec::new();
    if !slots.is_empty() {
        let reading = connector.quantities.read_back(&slots);
        let shown = within(clock, READ_TIME_MAX, reading).await;
        let shown = shown.ok_or_else(|| format!("no answer of {channel} in time"))?;
        read = shown.map_err(|error| error.to_string())?;
    }
    let shown: Vec<_> = read.into_iter().map(normalize::shown).collect();
    let (name, as_of) = (channel.clone(), began.minus(SKEW));
    let told = book.read(move |ledger| {
        let Some(number) = ledger.channel_ix(name.as_str()) else {
            return (Vec::new(), false);
        };
        let openings = openings(ledger, number, from..end, only, (as_of, &shown));
        (openings, end < ledger.channel(number).items.len())
    });
    let (openings, more) = told.await.map_err(|error| error.to_string())?;
    Ok(OpeningPage {
        as_of,
        openings,
        next: more.then_some(end),
    })
}
