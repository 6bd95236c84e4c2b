//! Shoppers and a clerk, from one seed: what happens in shops while nobody programs it.
//!
//! Buyers come like a Poisson process over all shops. A share of their orders is cancelled, wholly
//! or in part, before or after a part was shipped; a clerk ships the rest after a while.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channelsync_contract::{Rng, Timestamp};
use futures_util::future::select;
use tokio::sync::Notify;

use crate::control::{Action, Found, LineUnits, NewUnits};
use crate::dice::Dice;
use crate::sandbox::{Sandbox, ShopInfo};
use crate::state::{Buying, Disposal, Restock, ReturnStep, Tracking, Wanted};
use crate::truth::{FulfillmentOrderTruth, LineTruth, OrderTruth};

/// Events to come that are remembered at most; further orders get none.
const COMING_MAX: usize = 100_000;

/// While it pauses, traffic looks so often whether it goes on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Seeded life in all shops.
pub struct Traffic {
    sandbox: Arc<Sandbox>,
    dice: Dice,
    gap_mean: Duration,
    returns: bool,
    shops: Vec<ShopInfo>,
    stopped: AtomicBool,
    wake: Notify,
}

/// What will become of an order.
#[derive(Clone, Copy, Debug)]
enum Follow {
    Cancel,
    RemoveLine,
    ShipAll,
    ShipPart,
    EditUp,
    EditDown,
    MoveAway,
    Split,
    Hold,
    Release,
    Undo,
    RefundKept,
    RefundMoney,
    ReturnOne,
    Return,
    Inspect,
    CloseReturn,
}

/// Orders by what comes when.
type Coming = BTreeMap<(Timestamp, u64), (usize, u64, Follow)>;

impl Traffic {
    /// Traffic over all shops with `gap_mean` between two buyers, drawn from the sandbox's seed.
    pub fn new(sandbox: Arc<Sandbox>, gap_mean: Duration) -> Self {
        Self {
            dice: Dice::new(sandbox.seed, "traffic"),
            shops: sandbox.shops(),
            sandbox,
            gap_mean,
            returns: false,
            stopped: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// Buyers also send back what they got, and some get something else for it.
    #[must_use]
    pub fn with_returns(mut self) -> Self {
        self.returns = true;
        self
    }

    /// No event follows after this.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Lets buyers and the clerk act until [`Traffic::stop`].
    pub async fn run(&self) {
        let clock = Arc::clone(&self.sandbox.clock);
        let mut coming: Coming = BTreeMap::new();
        let mut sequence: u64 = 0;
        let mut next_buyer = clock.now().plus(self.dice.exponential(self.gap_mean));
        while !self.stopped.load(Ordering::Acquire) {
            if self.sandbox.quiet.load(Ordering::Acquire) {
                clock.sleep(LOOK_EVERY).await;
                next_buyer = next_buyer.max(clock.now());
                continue;
            }
            let next_event = coming.first_key_value().map(|((at, _), _)| *at);
            let next = next_event.map_or(next_buyer, |at| at.min(next_buyer));
            let now = clock.now();
            if next > now {
                let slept = pin!(clock.sleep(next.since(now)));
                let woken = pin!(self.wake.notified());
                select(slept, woken).await;
                continue;
            }
            if next_event == Some(next) {
                if let Some((_, (shop, order, follow))) = coming.pop_first() {
                    self.follow(shop, order, follow);
                }
                continue;
            }
            if let Some((shop, order)) = self.buy() {
                for (after, follow) in self.plans() {
                    sequence += 1;
                    if coming.len() < COMING_MAX {
                        coming.insert((now.plus(after), sequence), (shop, order, follow));
                    }
                }
            }
            next_buyer = next_buyer.plus(self.dice.exponential(self.gap_mean));
        }
    }

    /// One buyer in one shop; none when nothing could be bought.
    fn buy(&self) -> Option<(usize, u64)> {
        let bound = u64::try_from(self.shops.len()).ok()?;
        let index = usize::try_from(self.dice.below(bound)).ok()?;
        let shop = self.shops.get(index)?;
        let wanted = (0..self.dice.between(1, 3)).filter_map(|_| {
            let variant = self.dice.pick(&shop.variants)?;
            let units = self.dice.between(1, 3);
            Some(Wanted {
                variant: Some(variant.id),
                units,
            })
        });
        let lines: Vec<Wanted> = wanted.collect();
        let buying = Buying {
            lines,
            test: self.one_in(100),
            on_terms: self.one_in(20),
        };
        let order = self
            .sandbox
            .act(&shop.name, Action::Place(buying))
            .ok()?
            .id?;
        Some((index, order))
    }

    /// What becomes of an order, and how long after it was placed.
    fn plans(&self) -> Vec<(Duration, Follow)> {
        let mut plans = Vec::new();
        let soon = |secs: u32| self.dice.up_to(Duration::from_secs(u64::from(secs)));
        let routed = Duration::from_secs(5);
        match self.dice.below(20) {
            0 | 1 => plans.push((soon(4), Follow::Cancel)),
            2 => plans.push((routed + soon(20), Follow::Cancel)),
            3 => plans.push((soon(20), Follow::RemoveLine)),
            4 | 5 => plans.push((routed + soon(10), Follow::MoveAway)),
            6 => plans.push((soon(20), Follow::EditUp)),
            7 => plans.push((soon(20), Follow::EditDown)),
            8 => plans.push((routed + soon(10), Follow::Split)),
            9 => {
                let held = routed + soon(10);
                plans.push((held, Follow::Hold));
                plans.push((held + soon(10), Follow::Release));
            }
            _ => {}
        }
        if self.one_in(2) {
            if self.one_in(4) {
                plans.push((routed + soon(10), Follow::ShipPart));
            }
            let after = routed + Duration::from_secs(5) + soon(20);
            plans.push((after, Follow::ShipAll));
            plans.extend(self.after_shipping(after + soon(10)));
        }
        plans
    }

    /// What becomes of some parcels.
    fn after_shipping(&self, after: Duration) -> Vec<(Duration, Follow)> {
        let soon = || self.dice.up_to(Duration::from_secs(10));
        match self.dice.below(20) {
            0 | 1 => vec![(after, Follow::ReturnOne)],
            2 => vec![(after, Follow::RefundKept)],
            3 => vec![(after, Follow::RefundMoney)],
            4 => vec![(after, Follow::Undo), (after + soon(), Follow::ShipAll)],
            5..10 if self.returns => {
                let (first, second) = (after + soon(), after + soon());
                vec![
                    (after, Follow::Return),
                    (first, Follow::Inspect),
                    (second, Follow::Inspect),
                    (first.max(second) + soon(), Follow::CloseReturn),
                ]
            }
            _ => Vec::new(),
        }
    }

    /// Does what comes; what the shop refuses by now simply does not happen.
    fn follow(&self, shop: usize, order: u64, follow: Follow) {
        let Some(shop) = self.shops.get(shop) else {
            return;
        };
        let Some(truth) = self.sandbox.order(&shop.name, order) else {
            return;
        };
        if truth.test {
            return;
        }
        let Some(action) = self.action(shop, &truth, follow) else {
            return;
        };
        drop(self.sandbox.act(&shop.name, action));
    }

    fn action(&self, shop: &ShopInfo, truth: &OrderTruth, follow: Follow) -> Option<Action> {
        let order = truth.id;
        match follow {
            Follow::Cancel => {
                let restock = !self.one_in(10);
                Some(Action::Cancel { order, restock })
            }
            Follow::RemoveLine => {
                let lines = vec![self.open_units(truth)?];
                Some(Action::Refund {
                    order,
                    lines,
                    restock: Restock::Cancel,
                    location: None,
                    amount_minor: None,
                })
            }
            Follow::ShipPart => {
                let lines = vec![LineUnits {
                    units: 1,
                    ..self.open_units(truth)?
                }];
                Some(self.ship(order, lines))
            }
            Follow::ShipAll => Some(self.ship(order, Vec::new())),
            Follow::EditUp => {
                let variant = Some(self.dice.pick(&shop.variants)?.id);
                let add = vec![NewUnits { variant, units: 1 }];
                let set = Vec::new();
                Some(Action::Edit { order, set, add })
            }
            Follow::EditDown => {
                let LineUnits { line, units } = self.open_units(truth)?;
                let units = units.checked_sub(1).filter(|left| *left > 0)?;
                let set = vec![LineUnits { line, units }];
                let add = Vec::new();
                Some(Action::Edit { order, set, add })
            }
            Follow::MoveAway => self.move_away(shop, truth),
            Follow::Split | Follow::Hold | Follow::Release => self.rearrange(truth, follow),
            Follow::Undo => Some(Action::Unship {
                fulfillment: *truth.fulfillments.last()?,
            }),
            Follow::RefundKept => Some(Action::Refund {
                order,
                lines: vec![kept_unit(truth)?],
                restock: Restock::NoRestock,
                location: None,
                amount_minor: None,
            }),
            Follow::RefundMoney => Some(Action::Refund {
                order,
                lines: Vec::new(),
                restock: Restock::NoRestock,
                location: None,
                amount_minor: Some(100),
            }),
            Follow::ReturnOne => self.return_one(shop, truth),
            Follow::Return => self.send_back(shop, truth),
            Follow::Inspect => self.inspect(shop, truth),
            Follow::CloseReturn => Some(Action::StepReturn {
                id: truth.returns_open.first()?.0,
                step: ReturnStep::Close,
            }),
        }
    }

    /// All open units of one open line.
    fn open_units(&self, truth: &OrderTruth) -> Option<LineUnits> {
        let open: Vec<_> = truth.lines.iter().filter(|line| line.open > 0).collect();
        let line = self.dice.pick(&open)?;
        let units = u32::try_from(line.open).ok()?;
        Some(LineUnits {
            line: line.id,
            units,
        })
    }

    fn ship(&self, order: u64, lines: Vec<LineUnits>) -> Action {
        let tracking = self.parcel();
        Action::Ship {
            order,
            fulfillment_order: None,
            lines,
            tracking,
        }
    }

    /// A fulfillment order, or one unit of it, goes to another location.
    fn move_away(&self, shop: &ShopInfo, truth: &OrderTruth) -> Option<Action> {
        let found = with_status(truth, "OPEN")?;
        let others: Vec<_> = shop
            .locations
            .iter()
            .filter(|place| place.id != found.location)
            .collect();
        let location = self.dice.pick(&others)?.id;
        let lines = match self.one_in(2) {
            true => vec![first_unit(found)?],
            false => Vec::new(),
        };
        Some(Action::Move {
            fulfillment_order: found.id,
            location,
            lines,
        })
    }

    fn rearrange(&self, truth: &OrderTruth, follow: Follow) -> Option<Action> {
        if matches!(follow, Follow::Release) {
            let fulfillment_order = with_status(truth, "ON_HOLD")?.id;
            return Some(Action::Release { fulfillment_order });
        }
        let found = with_status(truth, "OPEN")?;
        let (fulfillment_order, lines) = (found.id, vec![first_unit(found)?]);
        Some(match follow {
            Follow::Split => Action::Split {
                fulfillment_order,
                lines,
            },
            _ => Action::Hold {
                fulfillment_order,
                lines: if self.one_in(2) { lines } else { Vec::new() },
            },
        })
    }

    /// One shipped unit is refunded and put back at the first location.
    fn return_one(&self, shop: &ShopInfo, truth: &OrderTruth) -> Option<Action> {
        Some(Action::Refund {
            order: truth.id,
            lines: vec![kept_unit(truth)?],
            restock: Restock::Return,
            location: shop.locations.first().map(|place| place.id),
            amount_minor: None,
        })
    }

    /// Shipped units are to come back; for some of them something else goes out.
    fn send_back(&self, shop: &ShopInfo, truth: &OrderTruth) -> Option<Action> {
        let variant = Some(self.dice.pick(&shop.variants)?.id);
        let exchange = self.one_in(3);
        let exchange = exchange.then_some(NewUnits { variant, units: 1 });
        let lines = truth
            .lines
            .iter()
            .filter(|line| line.fulfilled > line.returned);
        Some(Action::Return {
            order: truth.id,
            lines: lines
                .map(|line| LineUnits {
                    line: line.id,
                    units: 1,
                })
                .collect(),
            exchange: exchange.into_iter().collect(),
            request: false,
        })
    }

    /// A warehouse says what one unit of a return was found to be.
    fn inspect(&self, shop: &ShopInfo, truth: &OrderTruth) -> Option<Action> {
        let (id, left) = truth.returns_open.first()?;
        let line = left.first()?.0;
        let disposal = *self.dice.pick(&[
            Disposal::Restocked,
            Disposal::Restocked,
            Disposal::ProcessingRequired,
            Disposal::NotRestocked,
            Disposal::Missing,
        ])?;
        let location = Some(self.dice.pick(&shop.locations)?.id);
        let found = Found {
            line,
            units: 1,
            disposal,
            location,
        };
        Some(Action::Dispose {
            id: *id,
            found: vec![found],
        })
    }

    fn parcel(&self) -> Tracking {
        Tracking {
            company: Some("Parcel Post".to_owned()),
            numbers: vec![self.dice.hex(12)],
            urls: Vec::new(),
        }
    }

    fn one_in(&self, bound: u64) -> bool {
        self.dice.below(bound) == 0
    }
}

/// One shipped unit that nobody has taken back.
fn kept_unit(truth: &OrderTruth) -> Option<LineUnits> {
    let kept = |line: &&LineTruth| line.fulfilled > line.returned;
    let line = truth.lines.iter().find(kept)?.id;
    Some(LineUnits { line, units: 1 })
}

fn with_status<'a>(truth: &'a OrderTruth, status: &str) -> Option<&'a FulfillmentOrderTruth> {
    let mut all = truth.fulfillment_orders.iter();
    all.find(|one| one.status == status)
}

fn first_unit(found: &FulfillmentOrderTruth) -> Option<LineUnits> {
    let line = found.remaining.first()?.0;
    Some(LineUnits { line, units: 1 })
}
