//! Tells a channel what left, one task per channel, from the ledger as it is then.
//!
//! A report has no idempotency key. Its intent is durable before it is sent, and after an unknown
//! outcome the order is read first: what the channel gained is ours, and only what is still missing is
//! sent again. One report is under way per channel.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::ChannelId;
use channelsync_contract::connector::{Connector, ConnectorError, NextStep, Shipments};
use channelsync_contract::ports::{Clock, Rng};
use channelsync_contract::shipment::{Parcel, ParcelOutcome};
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::bookkeeper::{BookError, Handle, Origin};
use crate::ledger::{
    Channel, Command, Ledger, ReportAnswer, ReportState, Shipment, ShipmentAct, ShipmentAt,
    Tracking,
};
use crate::normalize;

const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Everything a channel's reporter works with.
pub struct Reporter {
    /// The channel.
    pub channel: ChannelId,
    /// The channel's connector.
    pub connector: Arc<Connector>,
    /// The merchant's book.
    pub book: Handle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter of pauses.
    pub rng: Arc<dyn Rng>,
    /// Where to tell what happens.
    pub board: Board,
    /// Whether the channel writes to buyers about it.
    pub notify_buyers: bool,
}

/// What is to be told.
enum Word {
    /// A parcel, with the carrier's number as it is now.
    Parcel(ShipmentAt, Parcel, Option<Tracking>),
    /// The carrier's number of a parcel that the channel has under this id.
    Number(ShipmentAt, String, Tracking),
}

/// Reports until `stop`; finishes the call in hand.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run_reports(reporter: &Reporter, stop: CancellationToken) -> Result<(), BookError> {
    let Some(shipments) = reporter.connector.shipments.as_deref() else {
        return Ok(());
    };
    reporter.doubt_left_over().await?;
    let mut published = reporter.book.watch();
    let mut failures = 0_u32;
    loop {
        if stop.is_cancelled() {
            return Ok(());
        }
        published.mark_unchanged();
        let word = match reporter.board.paused() {
            Some(_) => None,
            None => reporter.next().await?,
        };
        let pause = match word {
            Some(word) => match reporter.tell(shipments, word).await? {
                Some(pause) => {
                    failures = failures.saturating_add(1);
                    Some(pause.max(reporter.backoff(failures)))
                }
                None => {
                    failures = 0;
                    continue;
                }
            },
            None => None,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = reporter.clock.sleep(pause.unwrap_or(LOOK_EVERY)) => {}
            changed = published.changed(), if pause.is_none() => {
                changed.map_err(|_| BookError::Stopped)?;
            }
        }
    }
}

/// The first thing to tell a channel. An order that is about to be read is read first.
fn due(ledger: &Ledger, channel: &Channel, notify_buyer: bool) -> Option<Word> {
    // A restored book does not know what was told since: it learns that from the channel first.
    if channel.restored.is_some() {
        return None;
    }
    let mut unsettled = channel.unsettled();
    unsettled.find_map(|(number, shipment)| {
        let order = channel.orders.key(number).clone();
        let at = ShipmentAt {
            channel: channel.id.clone(),
            order: order.clone(),
            id: shipment.id.to_string(),
        };
        if shipment.owes_tracking() {
            let (id, tracking) = (shipment.fulfillment()?, shipment.tracking.clone()?);
            return Some(Word::Number(at, id.to_string(), tracking));
        }
        if shipment.state != ReportState::Unsent || channel.wanted.contains_key(&order) {
            return None;
        }
        let parcel = Parcel {
            order,
            lines: missing(shipment),
            location: place(ledger, channel, shipment),
            tracking: shipment.tracking.as_ref().map(normalize::tracking),
            notify_buyer,
        };
        Some(Word::Parcel(at, parcel, shipment.tracking.clone()))
    })
}

/// What the channel does not have of a parcel, each line once.
fn missing(
    shipment: &Shipment,
) -> Vec<(channelsync_contract::LineId, channelsync_contract::Units)> {
    let mut lines: Vec<_> = shipment
        .lines
        .iter()
        .map(|packed| packed.line.clone())
        .collect();
    lines.sort();
    lines.dedup();
    let missing = lines.into_iter().map(|line| {
        let units = shipment.missing(&line);
        (line, units)
    });
    missing.filter(|(_, units)| !units.is_zero()).collect()
}

/// The channel's name of the location that a parcel left.
fn place(
    ledger: &Ledger,
    channel: &Channel,
    shipment: &Shipment,
) -> Option<channelsync_contract::ChannelLocationId> {
    let from = ledger.location(shipment.from.as_str())?;
    let mut served = channel.places_served();
    let (_, place) = served.find(|(ours, _)| *ours == from)?;
    place.map(|place| channel.place_id(place).clone())
}

impl Reporter {
    fn origin(&self, cause: &str) -> Origin {
        Origin::new(format!("reports {}", self.channel), cause)
    }

    async fn book(&self, at: ShipmentAt, act: ShipmentAct) -> Result<(), BookError> {
        let origin = self.origin(&at.id);
        match self.book.book(Command::Shipment(at, act), origin).await {
            Ok(_) => Ok(()),
            Err(BookError::Refused(refusal)) => {
                tracing::error!(channel = %self.channel, %refusal, "word of a report was refused");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A report under way before this task began is not: its outcome is unknown.
    async fn doubt_left_over(&self) -> Result<(), BookError> {
        let name = self.channel.clone();
        let left_over = self.book.wait_and_read(move |ledger| {
            let channel = ledger.channel_named(name.as_str())?;
            let under_way = channel
                .unsettled()
                .filter(|(_, shipment)| shipment.state == ReportState::InFlight);
            let at = under_way.map(|(number, shipment)| ShipmentAt {
                channel: name.clone(),
                order: channel.orders.key(number).clone(),
                id: shipment.id.to_string(),
            });
            Some(at.collect::<Vec<_>>())
        });
        for at in left_over.await?.unwrap_or_default() {
            let act = ShipmentAct::Answered(ReportAnswer::InDoubt);
            self.book(at, act).await?;
        }
        Ok(())
    }

    /// What to tell next; the intent of a report is durable then.
    async fn next(&self) -> Result<Option<Word>, BookError> {
        let (name, notify) = (self.channel.clone(), self.notify_buyers);
        let planned = self.book.plan(self.origin("report"), move |ledger, _| {
            let channel = ledger.channel_named(name.as_str());
            let word = channel.and_then(|channel| due(ledger, channel, notify));
            let intent = match &word {
                Some(Word::Parcel(at, _, _)) => {
                    Some(Command::Shipment(at.clone(), ShipmentAct::Sending))
                }
                Some(Word::Number(..)) | None => None,
            };
            (intent, word)
        });
        match planned.await {
            Err(BookError::Refused(refusal)) => {
                tracing::error!(channel = %self.channel, %refusal, "a planned report was refused");
                Ok(None)
            }
            planned => planned,
        }
    }

    /// Makes one call and books what it came to; gives how long to wait after one that failed.
    async fn tell(
        &self,
        shipments: &dyn Shipments,
        word: Word,
    ) -> Result<Option<Duration>, BookError> {
        match word {
            Word::Parcel(at, parcel, tracking) => {
                let result = shipments.report(&parcel).await;
                self.note(result.as_ref().err());
                let (answer, pause) = match result {
                    Ok(ParcelOutcome::Recorded(id)) => {
                        self.board.count("shipments_reported", 1);
                        (ReportAnswer::Done(id, tracking), None)
                    }
                    Ok(ParcelOutcome::Changed(why)) => (ReportAnswer::Changed(why), None),
                    Ok(ParcelOutcome::Refused { code, message }) => {
                        (ReportAnswer::Refused(format!("{code}: {message}")), None)
                    }
                    Err(error) => self.failed(&error),
                };
                self.book(at, ShipmentAct::Answered(answer)).await?;
                Ok(pause)
            }
            Word::Number(at, id, tracking) => {
                let told = normalize::tracking(&tracking);
                let result = shipments.track(&id, &told, self.notify_buyers).await;
                self.note(result.as_ref().err());
                let refused = match &result {
                    Ok(()) => None,
                    Err(error) => match self.failed(error) {
                        (ReportAnswer::Refused(why), _) => Some(why),
                        // Setting it again gives the same.
                        (_, pause) => return Ok(Some(pause.unwrap_or(PAUSE_FIRST))),
                    },
                };
                let act = ShipmentAct::TrackingTold(tracking, refused);
                self.book(at, act).await?;
                Ok(None)
            }
        }
    }

    fn note(&self, error: Option<&ConnectorError>) {
        let error = error.map(ToString::to_string);
        if self.board.ended("report", self.clock.now(), error.clone())
            && let Some(error) = error
        {
            tracing::warn!(channel = %self.channel, error, "report failed");
        }
    }

    /// What a failed call means for its report, and how long to wait at least.
    fn failed(&self, error: &ConnectorError) -> (ReportAnswer, Option<Duration>) {
        match error.next_step() {
            NextStep::RetryAfter(pause) => (ReportAnswer::NotSent, Some(pause)),
            NextStep::RetryWithBackoff => (ReportAnswer::NotSent, Some(PAUSE_FIRST)),
            NextStep::ReadBack => (ReportAnswer::InDoubt, None),
            // Whoever may not record parcels may still set quantities: the channel goes on.
            NextStep::PauseChannel => (ReportAnswer::NotSent, Some(PAUSE_MAX)),
            NextStep::Park => (ReportAnswer::Refused(error.to_string()), None),
        }
    }

    fn backoff(&self, failures: u32) -> Duration {
        let doubled = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(failures.min(10)));
        doubled.min(PAUSE_MAX) + Duration::from_millis(self.rng.below(250))
    }
}
