//! Reading quantities back, by location, as many items at once as the cost allows.

use std::collections::BTreeMap;

use async_trait::async_trait;
use channelsync_contract::connector::Quantities;
use channelsync_contract::quantity::{Push, PushOutcome, Shown, ShownQuantity};
use channelsync_contract::{ConnectorError, SlotKey, Units};
use serde::Deserialize;
use serde_json::json;

use crate::Figure;
use crate::call::{Shop, unreadable};
use crate::documents::INVENTORY_AT_LOCATION;
use crate::ids::{gid, is_number};

/// Items asked for at once: what a `nodes(ids:)` costs cannot be told in advance (page section 4.3).
pub(crate) const ITEMS_MAX: usize = 50;
/// The states that count as on hand and can neither be sold nor are owed to an order.
const UNSELLABLE: [&str; 4] = ["damaged", "reserved", "safety_stock", "quality_control"];

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Option<ItemNode>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemNode {
    /// Absent for a node that is no inventory item.
    id: Option<String>,
    inventory_level: Option<LevelNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LevelNode {
    is_active: bool,
    quantities: Vec<QuantityNode>,
}

#[derive(Deserialize)]
struct QuantityNode {
    name: String,
    quantity: i64,
}

#[async_trait]
impl Quantities for Shop {
    async fn push(&self, push: &Push) -> Result<Vec<PushOutcome>, ConnectorError> {
        self.set_quantities(push).await
    }

    async fn read_back(&self, slots: &[SlotKey]) -> Result<Vec<ShownQuantity>, ConnectorError> {
        let mut shown = vec![Shown::Missing; slots.len()];
        for (location, places) in by_location(slots) {
            for places in places.chunks(ITEMS_MAX) {
                let items = places.iter().filter_map(|place| slots.get(*place));
                let items = items
                    .map(|slot| gid("InventoryItem", slot.item.as_str()))
                    .collect();
                let figures = self.at_location(location, items).await?;
                for (place, figure) in places.iter().zip(figures) {
                    if let Some(slot) = shown.get_mut(*place) {
                        *slot = figure;
                    }
                }
            }
        }
        let pairs = slots.iter().cloned().zip(shown);
        Ok(pairs
            .map(|(slot, shown)| ShownQuantity { slot, shown })
            .collect())
    }
}

/// Places in the list of slots, by location. Slots that cannot exist here are left out.
fn by_location(slots: &[SlotKey]) -> BTreeMap<&str, Vec<usize>> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, slot) in slots.iter().enumerate() {
        let location = slot
            .location
            .as_ref()
            .map_or("", |location| location.as_str());
        if is_number(location) && is_number(slot.item.as_str()) {
            places.entry(location).or_default().push(place);
        }
    }
    places
}

impl Shop {
    async fn at_location(
        &self,
        location: &str,
        items: Vec<String>,
    ) -> Result<Vec<Shown>, ConnectorError> {
        let what = INVENTORY_AT_LOCATION.name;
        let variables = json!({ "ids": items, "locationId": gid("Location", location) });
        let answer = self
            .ask::<Nodes>(&INVENTORY_AT_LOCATION, &variables, items.len())
            .await?;
        let nodes = answer.data.nodes;
        if nodes.len() != items.len() {
            return Err(unreadable(what, "not one node for each id"));
        }
        let mut figures = Vec::with_capacity(nodes.len());
        for (asked, node) in items.iter().zip(nodes) {
            figures.push(match node {
                Some(ItemNode {
                    id: Some(id),
                    inventory_level,
                }) if id == *asked => inventory_level
                    .map_or(Ok(Shown::NotStocked), |level| held(&level, self.figure))?,
                Some(ItemNode { id: Some(_), .. }) => {
                    return Err(unreadable(what, "nodes not in the order asked for"));
                }
                Some(ItemNode { id: None, .. }) | None => Shown::Missing,
            });
        }
        Ok(figures)
    }
}

fn held(level: &LevelNode, written: Figure) -> Result<Shown, ConnectorError> {
    if !level.is_active {
        return Ok(Shown::NotStocked);
    }
    let figure = |name: &str| level.quantities.iter().find(|node| node.name == name);
    let need = |name: &str| {
        let found = figure(name).map(|node| node.quantity);
        found.ok_or_else(|| unreadable(INVENTORY_AT_LOCATION.name, "a quantity is missing"))
    };
    // Units that cannot be sold are on hand and were never available.
    let states: &[&str] = match written {
        Figure::OnHand => &UNSELLABLE,
        Figure::Available => &[],
    };
    let unsellable = states.iter().filter_map(|name| figure(name));
    let unsellable = unsellable.fold(0_i64, |sum, node| sum.saturating_add(node.quantity));
    Ok(Shown::Held {
        written: need(written.name())?,
        sellable: need("available")?,
        unsellable: Units::from_signed(unsellable.max(0)).unwrap_or(Units(u32::MAX)),
    })
}
