//! What follows from a command: movements and facts, nothing, or a refusal.
//!
//! Pure: equal ledgers and commands give equal drafts. Every command is idempotent: what is known
//! already gives an empty draft.

mod acknowledge;
mod allocate;
mod as_of;
mod book_from;
mod bulk;
mod catalog;
mod desk;
mod freeze;
mod line_fact;
mod master;
mod net;
mod parcels;
mod purchase;
mod push;
mod rename;
mod retire;
mod report;
mod retention;
mod returns;
mod rule;
mod set_aside;
mod shipments;
mod withheld;
mod stock;

use channelsync_contract::time::Timestamp;
use sha2::Digest as _;

pub use self::as_of::would_change;
use self::desk::Desk;
pub use self::stock::is_plain;
use super::command::Command;
use super::entry::{Fact, Movement};
use super::master::Master;
use super::refusal::Refusal;
use super::setup::{Counting, Setup};
use super::state::{Ledger, LocIx};
use crate::catalog::SkuIx;

/// What follows from a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Units that move.
    pub movements: Vec<Movement>,
    /// What else is so.
    pub facts: Vec<Fact>,
}

impl Draft {
    /// Whether nothing follows.
    pub fn is_empty(&self) -> bool {
        self.movements.is_empty() && self.facts.is_empty()
    }
}

/// Says what follows from a command at a time.
///
/// # Errors
/// A [`Refusal`] when the command makes no sense on this ledger; nothing is booked then.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of command")]
pub fn decide(ledger: &Ledger, command: &Command, at: Timestamp) -> Result<Draft, Refusal> {
    let mut desk = Desk::new(ledger, at);
    match command {
        Command::Configure(setup) => configure(&mut desk, setup)?,
        Command::Rule(at, keys, values) => rule::rule(&mut desk, at, keys, values)?,
        Command::Report(happened) => report::report(&mut desk, happened)?,
        Command::Listings {
            channel,
            listings,
            complete,
        } => {
            catalog::list(&mut desk, channel, listings, complete.as_deref())?;
        }
        Command::Map(rows) => rows
            .iter()
            .try_for_each(|row| catalog::map(&mut desk, row))?,
        Command::Reapply { channel, listing } => {
            catalog::reapply(&mut desk, channel, listing.as_ref())?;
        }
        Command::Barcodes { sku, gtins, has } => catalog::barcodes(&mut desk, sku, gtins, *has)?,
        Command::Rename { old, new, merge } => rename::rename(&mut desk, old, new, *merge)?,
        Command::Purchase(order) => purchase::order(&mut desk, order)?,
        Command::PurchaseArrived {
            id,
            purchase,
            lines,
        } => once(&mut desk, id, command, |desk| {
            purchase::arrive(desk, purchase, lines)
        })?,
        Command::PurchaseCancelled(id) => purchase::cancel(&mut desk, id)?,
        Command::Receive(line) => once(&mut desk, &line.id, command, |desk| {
            stock::receive(desk, line)
        })?,
        Command::Count(line) => once(&mut desk, &line.id, command, |desk| {
            stock::count(desk, line)
        })?,
        Command::CountAsOf { id, lines } => once(&mut desk, id, command, |desk| {
            let mut lines = lines.iter();
            lines.try_for_each(|(line, at)| as_of::count(desk, line, *at))
        })?,
        Command::CountFile(lines, taken) => {
            let mut lines = lines.iter();
            lines.try_for_each(|(line, at)| as_of::count(&mut desk, line, *at))?;
            let taken = taken.iter().filter(|taken| !ledger.has_taken(taken));
            desk.facts.extend(taken.cloned().map(Fact::TookFile));
        }
        Command::Adjust {
            id,
            sku,
            location,
            by,
        } => {
            once(&mut desk, id, command, |desk| {
                stock::adjust(desk, sku, location, *by)
            })?;
        }
        Command::Move(what, line) => {
            once(&mut desk, &line.id, command, |desk| {
                stock::shift(desk, what, line)
            })?;
        }
        Command::Import { id, counts, lines } => once(&mut desk, id, command, |desk| {
            let book = if *counts {
                stock::count
            } else {
                stock::receive
            };
            lines.iter().try_for_each(|line| book(desk, line))
        })?,
        Command::Ship {
            id,
            channel,
            order,
            lines,
            from,
            tracking,
        } => once(&mut desk, id, command, |desk| {
            let parcel = parcels::Parcel {
                id,
                lines,
                from: from.as_ref(),
                tracking: tracking.as_ref(),
            };
            parcels::ship(desk, (channel, order), &parcel)
        })?,
        Command::Shipment(at, act) => parcels::act(&mut desk, at, act)?,
        Command::Hold {
            channel,
            order,
            reason,
        } => parcels::hold(&mut desk, channel, order, reason.as_ref())?,
        Command::TakeBack {
            id,
            channel,
            order,
            lines,
            fate,
            location,
        } => once(&mut desk, id, command, |desk| {
            returns::receive(desk, (channel, order), lines, *fate, location.as_ref())
        })?,
        Command::Push {
            call,
            channel,
            rows,
        } => push::intend(&mut desk, *call, channel, rows)?,
        Command::Pushed { call, outcomes } => push::came_back(&mut desk, *call, outcomes)?,
        Command::Doubt => {
            push::doubt(&mut desk);
            parcels::doubt(&mut desk);
        }
        Command::Shown {
            channel,
            began,
            complete_to,
            slots,
            corrections_max,
        } => {
            let seen = push::Seen {
                began: *began,
                complete_to: *complete_to,
            };
            push::shown(&mut desk, channel, seen, slots, *corrections_max)?;
        }
        Command::Reread { channel, slots } => push::reread(&mut desk, channel, slots)?,
        Command::Restore => desk.facts.push(Fact::Restored(ledger.at)),
        Command::CatchUp(channel) => push::catch_up(&mut desk, channel)?,
        Command::Release { channel, slot } => push::release(&mut desk, channel, slot)?,
        Command::Interlock(channel, change) => {
            desk.channel(channel)?;
            let fact = Fact::Interlocked(channel.clone(), Box::new(change.clone()));
            desk.facts.push(fact);
        }
        Command::GoOn(channel) => {
            if desk.channel(channel)?.1.interlock.is_some() {
                desk.facts.push(Fact::WentOn(channel.clone()));
            }
        }
        Command::Freeze { scope, reason } => freeze::freeze(&mut desk, scope, reason)?,
        Command::Unfreeze(scope) => freeze::unfreeze(&mut desk, scope)?,
        Command::Bulk(channel, what, file) => {
            bulk::stand(&mut desk, channel, what, file.as_deref())?;
        }
        Command::Retire(channel, orders) => retire::retire(&mut desk, channel, *orders)?,
        Command::Revive(channel) => retire::revive(&mut desk, channel)?,
        Command::Park(bytes) => {
            if !ledger.parked.contains_key(&bytes.id) {
                desk.facts.push(Fact::Parked(bytes.clone()));
            }
        }
        Command::Erase(ids) => {
            let known = ids.iter().filter(|id| ledger.parked.contains_key(*id));
            desk.facts.extend(known.cloned().map(Fact::Erased));
        }
        Command::Forget(before) => retention::forget(&mut desk, *before),
        Command::Dismiss(channel, order) => retention::dismiss(&mut desk, channel, order)?,
        Command::Seen(from, to) => {
            let mut known = ledger.exceptions.iter();
            if known.any(|(entry, _)| (*from..=*to).contains(entry)) {
                desk.facts.push(Fact::Seen(*from, *to));
            }
        }
        Command::Unpark(id) => {
            if !ledger.parked.contains_key(id) {
                return Err(Refusal::NotParked(id.clone()));
            }
            desk.facts.push(Fact::Unparked(id.clone()));
        }
    }
    Ok(desk.finish())
}

/// Carries out a person's command unless it was carried out under its id before.
fn once(
    desk: &mut Desk<'_>,
    id: &str,
    command: &Command,
    book: impl FnOnce(&mut Desk<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    if !stock::is_plain(id) {
        let why = format!("{id:?} is no id: 1 to 255 printable bytes without spaces around them");
        return Err(Refusal::Senseless(why));
    }
    let mark = mark(command);
    match desk.ledger.done.get(id) {
        Some(known) if *known == mark => return Ok(()),
        Some(_) => return Err(Refusal::OtherUnderId(id.to_owned())),
        None => {}
    }
    book(desk)?;
    desk.facts.push(Fact::Done(id.to_owned(), mark));
    Ok(())
}

/// Tells a command from another one under the same id.
fn mark(command: &Command) -> u64 {
    let digest = sha2::Sha256::digest(format!("{command:?}"));
    let first = digest.iter().take(8);
    first.fold(0, |mark, byte| (mark << 8) | u64::from(*byte))
}

fn configure(desk: &mut Desk<'_>, setup: &Setup) -> Result<(), Refusal> {
    if let (Some(owner), Some(other)) = (&desk.ledger.setup.merchant, &setup.merchant)
        && owner != other
    {
        return Err(Refusal::OtherMerchant {
            owner: owner.clone(),
            other: other.clone(),
        });
    }
    for pair in setup.channels.iter().flat_map(|channel| &channel.locations) {
        if !setup.locations.contains(&pair.ours) {
            return Err(Refusal::UnknownLocation(pair.ours.clone()));
        }
    }
    for (location, master) in &setup.masters {
        let Master::Channel(channel) = master else {
            continue;
        };
        let known = setup.channels.iter().find(|known| known.id == *channel);
        if known.is_none_or(|known| known.counting != Counting::Gross) {
            return Err(Refusal::Senseless(format!(
                "channel {channel} cannot be master of {location}: it tells what is left for sale, not \
                 what lies there"
            )));
        }
    }
    retire::missing(desk, setup)?;
    let setup = book_from::settled(desk.ledger, setup, desk.at)?;
    if desk.ledger.setup != setup {
        serve(desk, &setup);
        desk.facts.push(Fact::Configured(Box::new(setup)));
    }
    Ok(())
}

/// Offers what lies at locations that a channel is served from now on to its waiting orders.
fn serve(desk: &mut Desk<'_>, setup: &Setup) {
    let ledger = desk.ledger;
    for (number, channel) in (0_u16..).zip(&ledger.channels) {
        let own = setup.channels.iter().find(|own| own.id == channel.id);
        let pairs = own.map(|own| own.locations.as_slice()).unwrap_or_default();
        let served = pairs.iter().map(|pair| pair.ours.as_str());
        let served: Vec<LocIx> = served.filter_map(|ours| ledger.location(ours)).collect();
        let is_new =
            |location: &&LocIx| channel.places_served().all(|(ours, _)| ours != **location);
        for location in served.iter().filter(is_new) {
            let waiting = ledger
                .skus
                .iter()
                .filter(|(_, _, row)| !row.open.is_empty());
            let gained = waiting.map(|(sku, _, _)| (SkuIx(sku), *location));
            desk.gained.extend(gained);
        }
        desk.serves.insert(number, served);
    }
}
