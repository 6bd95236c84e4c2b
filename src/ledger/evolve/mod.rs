//! The only code that changes the ledger: an entry in, the next state out.
//!
//! Never refuses: what an entry says has happened. An entry that cannot have happened (a bucket below
//! zero, a gap in the sequence) is a bug or damage and panics.

mod catalog;
mod orders;
mod push;
mod rename;
mod retention;
mod rule;
mod touched;

use channelsync_contract::ids::{ChannelId, LocationId, OrderId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use smallvec::SmallVec;

use super::balance::Stock;
use super::channel::{Channel, Stream, Wanted};
use super::entry::{Bucket, Entry, Fact, MappedBy, Movement, Place};
use super::freeze::{Frozen, Scope};
use super::lately;
use super::order::OrderRef;
use super::purchase::{Purchase, PurchaseLine};
use super::push::SlotState;
use super::retire::Retired;
use super::state::{EXCEPTIONS_KEPT_MAX, Ledger, LocIx, ParkedRow, SkuRow};
use crate::catalog::{Mapping, Part, Parts, SkuIx};

pub use touched::{Touched, touched};

/// Applies one entry.
///
/// # Panics
/// When the entry does not follow the state: a gap, a time that goes back, a bucket below zero.
pub fn evolve(ledger: &mut Ledger, entry: &Entry) -> Touched {
    assert!(
        ledger.seq.checked_add(1) == Some(entry.seq),
        "entry {} is not next",
        entry.seq
    );
    assert!(
        entry.at >= ledger.at,
        "entry {} is older than the one before",
        entry.seq
    );
    ledger.seq = entry.seq;
    ledger.at = entry.at;
    let mut touched = Touched::default();
    if let Some(Fact::Renamed(old, new)) = entry.facts.first() {
        rename::rename(ledger, old, new, &mut touched);
    }
    let mut named = Named::default();
    // All look-ups first: the memory that they wait for then comes together.
    let skus: SmallVec<[SkuIx; NAMED_SKUS_MAX]> = entry
        .movements
        .iter()
        .map(|movement| named.sku(ledger, &movement.sku))
        .collect();
    // What comes in before what goes out: only the end of an entry must be free of negatives.
    let mut beyond = Vec::new();
    for (sku, movement) in skus.iter().zip(&entry.movements) {
        move_units(ledger, *sku, &movement.to, movement, 1, &mut beyond);
        lately::note(ledger, *sku, movement);
        touched.touch_sku(ledger, *sku);
    }
    for (sku, movement) in skus.iter().zip(&entry.movements) {
        move_units(ledger, *sku, &movement.from, movement, -1, &mut beyond);
    }
    assert!(beyond.is_empty(), "more units than a bucket holds");
    let known_to = |ledger: &Ledger| -> Vec<_> {
        let channels = ledger.channels.iter();
        channels.map(|channel| channel.known_to).collect()
    };
    let before = known_to(ledger);
    for fact in &entry.facts {
        learn(ledger, fact, entry.at, &mut named, &mut touched);
    }
    touched.sight = known_to(ledger) != before;
    touched
}

/// What an entry named already: its movements and facts name few things again and again, and a
/// comparison is cheaper than a look-up.
#[derive(Default)]
struct Named {
    skus: SmallVec<[SkuIx; NAMED_SKUS_MAX]>,
    order: Option<OrderRef>,
}

const NAMED_SKUS_MAX: usize = 8;

impl Named {
    /// The number of a SKU; a new one if it was never named.
    fn sku(&mut self, ledger: &mut Ledger, sku: &Sku) -> SkuIx {
        let known = |known: &&SkuIx| ledger.sku_id(**known) == sku;
        if let Some(known) = self.skus.iter().find(known) {
            return *known;
        }
        let number = SkuIx(ledger.skus.entry(sku, SkuRow::default));
        if self.skus.len() < NAMED_SKUS_MAX {
            self.skus.push(number);
        }
        number
    }

    /// A known order.
    fn order(&mut self, ledger: &Ledger, channel: &ChannelId, order: &OrderId) -> OrderRef {
        let is_same = |at: &OrderRef| {
            let known = ledger.channel(at.channel);
            known.id == *channel && known.orders.key(at.order) == order
        };
        if let Some(same) = self.order.filter(is_same) {
            return same;
        }
        let at = channel_number(ledger, channel);
        let number = ledger.channel(at).orders.find(order.as_str());
        let number = number.unwrap_or_else(|| panic!("unknown order {order}"));
        let found = OrderRef {
            channel: at,
            order: number,
        };
        self.order = Some(found);
        found
    }
}

/// Units of a bucket that pass through within an entry, beyond what it can hold.
struct Beyond {
    bucket: (SkuIx, LocIx, Bucket),
    units: i64,
}

fn move_units(
    ledger: &mut Ledger,
    sku: SkuIx,
    place: &Place,
    movement: &Movement,
    sign: i64,
    beyond: &mut Vec<Beyond>,
) {
    let seq = ledger.seq;
    let by = movement.units.signed().saturating_mul(sign);
    match place {
        Place::At(location, bucket) => {
            let location = known_location(ledger, location);
            let stock = stock_entry(ledger.skus.at_mut(sku.0), location);
            stock.seq = seq;
            let units = stock.balance.bucket_mut(*bucket);
            let here = (sku, location, *bucket);
            let known = beyond.iter().position(|known| known.bucket == here);
            let before = known.map_or(0, |known| beyond.swap_remove(known).units);
            let now = units.signed().saturating_add(before).saturating_add(by);
            let rest = now.saturating_sub(i64::from(u32::MAX)).max(0);
            let held = Units::from_signed(now.saturating_sub(rest));
            *units = held.unwrap_or_else(|| panic!("{} below zero at {place}", movement.sku));
            if rest > 0 {
                beyond.push(Beyond {
                    bucket: here,
                    units: rest,
                });
            }
        }
        Place::Supplier => add(&mut ledger.skus.at_mut(sku.0).outside.supplier, by),
        Place::Customer => add(&mut ledger.skus.at_mut(sku.0).outside.customer, by),
        Place::Adjustment => add(&mut ledger.skus.at_mut(sku.0).outside.adjustment, by),
    }
}

fn add(sum: &mut i64, by: i64) {
    *sum = sum.checked_add(by).expect("units fit 64 bits");
}

fn known_location(ledger: &Ledger, location: &LocationId) -> LocIx {
    ledger
        .location(location.as_str())
        .unwrap_or_else(|| panic!("unknown location {location}"))
}

fn stock_entry(row: &mut SkuRow, location: LocIx) -> &mut Stock {
    if !row.stocks.iter().any(|stock| stock.location == location) {
        row.stocks.push(Stock {
            location,
            counted: None,
            balance: Default::default(),
            seq: 0,
        });
    }
    let found = row
        .stocks
        .iter_mut()
        .find(|stock| stock.location == location);
    found.expect("the stock was just made")
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of fact")]
fn learn(
    ledger: &mut Ledger,
    fact: &Fact,
    at: Timestamp,
    named: &mut Named,
    touched: &mut Touched,
) {
    let seq = ledger.seq;
    match fact {
        Fact::Configured(setup) => catalog::configure(ledger, setup, touched),
        Fact::Counted(sku, location) => {
            let sku = named.sku(ledger, sku);
            let location = known_location(ledger, location);
            let stock = stock_entry(ledger.skus.at_mut(sku.0), location);
            stock.counted = Some(at);
            stock.seq = seq;
            ledger.lately.counted((sku, location), None, at);
            touched.touch_sku(ledger, sku);
        }
        Fact::CountedAsOf(sku, location, as_of) => {
            let sku = named.sku(ledger, sku);
            let location = known_location(ledger, location);
            let stock = stock_entry(ledger.skus.at_mut(sku.0), location);
            stock.counted = Some(*as_of);
            stock.seq = seq;
            ledger.lately.counted((sku, location), Some(*as_of), at);
            touched.touch_sku(ledger, sku);
        }
        Fact::Passed(sku, location, by, when) => {
            let place = (named.sku(ledger, sku), known_location(ledger, location));
            ledger.lately.earlier(place, *by, (*when, at));
        }
        Fact::Listing(channel, report) => {
            let channel = channel_number(ledger, channel);
            catalog::list(ledger, channel, report);
        }
        Fact::ListingGone(channel, listing) => {
            let listings = &mut of(ledger, channel).listings;
            if let Some(number) = listings.find(listing.as_str()) {
                let mapping = listings.change(number, |listing| {
                    listing.flags.gone = true;
                    listing.mapping.clone()
                });
                touched.touch_parts(ledger, mapping.parts());
            }
        }
        Fact::Mapped(channel, listing, parts, by) => {
            let parts: Parts = parts
                .iter()
                .map(|(sku, per)| Part {
                    sku: named.sku(ledger, sku),
                    per: *per,
                })
                .collect();
            let mapping = match by {
                MappedBy::Sku => Mapping::Automatic(parts),
                MappedBy::Barcode => Mapping::Barcode(parts),
                MappedBy::Person => Mapping::Manual(parts),
            };
            catalog::map(ledger, channel, listing, &mapping, touched);
        }
        Fact::Unmapped(channel, listing, why) => {
            let mapping = Mapping::Unmapped(why.clone());
            catalog::map(ledger, channel, listing, &mapping, touched);
        }
        Fact::Barcode(sku, gtin, has) => {
            let known = (*gtin, named.sku(ledger, sku));
            if *has {
                ledger.gtins.insert(known);
            } else {
                ledger.gtins.remove(&known);
            }
        }
        // Before the movements, which bear the new name; and the movements are all of it.
        Fact::Renamed(..) | Fact::Mastered(..) => {}
        Fact::Purchase(fact) => {
            let line = |(sku, ordered, received): &(Sku, Units, Units)| PurchaseLine {
                sku: named.sku(ledger, sku),
                ordered: *ordered,
                received: *received,
            };
            let purchase = Purchase {
                supplier: fact.supplier.clone(),
                expected: fact.expected,
                lines: fact.lines.iter().map(line).collect(),
                location: known_location(ledger, &fact.location),
                cancelled: fact.cancelled,
                seq,
            };
            ledger.purchases.insert(fact.id.clone(), purchase);
        }
        Fact::Order(order) => orders::head(of(ledger, &order.channel), order, seq),
        Fact::Line(line) => orders::set_line(ledger, line, named, touched),
        Fact::Wanted(channel, order, since) => {
            let wanted = of(ledger, channel).wanted.entry(order.clone());
            let wanted = wanted.or_insert(Wanted { since: *since });
            wanted.since = wanted.since.max(*since);
        }
        Fact::Absent(channel, order) => {
            of(ledger, channel).no_longer_wanted(order);
        }
        Fact::Polled(channel, stream, watermark, cursor) => {
            let stream_now = Stream {
                watermark: *watermark,
                cursor: *cursor,
                seq,
            };
            let known = of(ledger, channel);
            known.streams.insert(stream.clone(), stream_now);
            known.reached.remove(stream);
            known.polled(at);
        }
        Fact::Slow(channel, lag) => of(ledger, channel).was_slow(*lag, at),
        Fact::Reached(channel, stream, newest) => {
            let reached = &mut of(ledger, channel).reached;
            reached.insert(stream.clone(), *newest);
        }
        Fact::Bulk(channel, what, file) => {
            let bulks = &mut of(ledger, channel).bulks;
            bulks.insert(what.clone(), (**file).clone());
        }
        Fact::BulkEnded(channel, what) => {
            of(ledger, channel).bulks.remove(what);
        }
        Fact::Intent(call, channel, rows) => {
            push::intend(ledger, *call, channel, rows, touched);
        }
        Fact::Outcome(call, outcomes) => push::came_back(ledger, *call, outcomes, at, touched),
        Fact::InDoubt(call) => push::doubt(ledger, *call, at, touched),
        Fact::Shown(channel, began, readings) => {
            push::shown(ledger, channel, (*began, at), readings, touched);
        }
        Fact::Moved(channel, key, by) => {
            let known = ledger.channel(channel_number(ledger, channel));
            let mastered = ledger.mastered_at(known, key).is_some();
            push::change_named(ledger, channel, key, touched, |slot| {
                slot.moved(*by);
                slot.changed_at = at;
                // What was missing may be just this, and nothing is written until it is read again.
                // A master's word is booked: there all that may explain it must be told first.
                if !mastered && slot.recheck.is_some_and(|recheck| recheck.difference != 0) {
                    slot.reread = true;
                }
            });
        }
        Fact::Reread(channel, key) => {
            push::change_named(ledger, channel, key, touched, |slot| {
                push::must_read(slot, at)
            });
        }
        Fact::Unsure(channel, key) => {
            push::change_named(ledger, channel, key, touched, |slot| {
                slot.unsure = true;
                push::must_read(slot, at);
            });
        }
        Fact::MovedMaybe(channel, key, by) => {
            push::change_named(ledger, channel, key, touched, |slot| {
                slot.maybe = slot.maybe.saturating_add(*by);
                push::must_read(slot, at);
            });
        }
        Fact::Released(channel, key) => {
            push::change_named(ledger, channel, key, touched, |slot| {
                slot.state = SlotState::Free;
                slot.corrections = 0;
                push::must_read(slot, at);
            });
        }
        Fact::Restored(_) => push::restored(ledger, at, touched),
        Fact::CaughtUp(channel) => of(ledger, channel).restored = None,
        Fact::Interlocked(channel, change) => ledger.interlock(channel, change),
        Fact::WentOn(channel) => {
            of(ledger, channel).interlock = None;
            touched.touch_scope(ledger, &Scope::Channel(channel.clone()));
        }
        Fact::SoldOfSetAside(channel, sku, by) => {
            if let Some(rule) = of(ledger, channel).set_aside.get_mut(sku) {
                rule.sold = rule.sold.saturating_add(*by).max(0);
            }
            let now = ledger.sku_ix(sku.as_str()).or_else(|| ledger.renamed(sku));
            touched.touch_sku(ledger, now.expect("a SKU that was ordered"));
        }
        Fact::Ruled(at, rules) => {
            rule::rule(ledger, at, rules);
            touched.touch_level(ledger, at);
        }
        Fact::Frozen(scope, reason) => {
            let reason = reason.clone();
            let frozen = Frozen { reason, seq, at };
            ledger.frozen.insert(scope.clone(), frozen);
            touched.touch_scope(ledger, scope);
            push::read_waiting(ledger);
        }
        Fact::Unfrozen(scope) => {
            ledger.frozen.remove(scope);
            touched.touch_scope(ledger, scope);
        }
        Fact::Retired(channel, orders) => {
            let orders = *orders;
            of(ledger, channel).retired = Some(Retired { at, orders });
            // What was set aside for it is for all, or is kept again.
            touched.all = true;
            push::read_waiting(ledger);
        }
        Fact::Revived(channel) => {
            of(ledger, channel).retired = None;
            touched.all = true;
        }
        Fact::Parked(bytes) => {
            let bytes = (**bytes).clone();
            ledger
                .parked
                .insert(bytes.id.clone(), ParkedRow { bytes, at });
        }
        Fact::Unparked(id) | Fact::Erased(id) => {
            ledger.parked.remove(id);
        }
        Fact::Forgot(before, orders) => retention::forget(ledger, *before, orders),
        Fact::TooOld(channel, order, placed_at) => {
            retention::set_aside(of(ledger, channel), order, *placed_at, seq);
        }
        Fact::Dismissed(channel, order) => {
            let known = of(ledger, channel).too_old.get_mut(order);
            known.expect("an order that was set aside").dismissed = true;
        }
        Fact::Exception(exception) => {
            if ledger.exceptions.len() >= EXCEPTIONS_KEPT_MAX {
                ledger.exceptions.pop_front();
            }
            ledger.exceptions.push_back((seq, exception.clone()));
        }
        Fact::Seen(from, to) => {
            let seen = *from..=*to;
            ledger.exceptions.retain(|(entry, _)| !seen.contains(entry));
        }
        Fact::Done(id, mark) => {
            ledger.done.insert(id.clone(), *mark);
        }
        Fact::TookFile(taken) => ledger.take_file(taken, at),
        Fact::Shipment(channel, order, shipment) => {
            let place = named.order(ledger, channel, order);
            orders::set_shipment(ledger, place, shipment, touched);
        }
        Fact::Held(channel, order, reason) => {
            let place = named.order(ledger, channel, order);
            let channel = ledger.channel_mut(place.channel);
            let order = channel.orders.at_mut(place.order);
            order.hold = reason.as_deref().map(Into::into);
            order.seq = seq;
        }
    }
}

fn of<'a>(ledger: &'a mut Ledger, channel: &ChannelId) -> &'a mut Channel {
    let number = channel_number(ledger, channel);
    ledger.channel_mut(number)
}

fn channel_number(ledger: &Ledger, channel: &ChannelId) -> u16 {
    ledger
        .channel_ix(channel.as_str())
        .unwrap_or_else(|| panic!("unknown channel {channel}"))
}
