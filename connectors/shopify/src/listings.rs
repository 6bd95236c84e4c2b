//! Listings and locations. A listing is a variant; its item is the variant's inventory item.

use async_trait::async_trait;
use channelsync_contract::connector::Listings;
use channelsync_contract::listing::{ChannelListing, ChannelLocation, ListingPage};
use channelsync_contract::{ChannelLocationId, ConnectorError, ItemId, ListingId};
use serde::Deserialize;
use serde_json::json;

use crate::call::{Connection, Shop, unreadable};
use crate::documents::{LOCATIONS, VARIANTS_PAGE};
use crate::ids::need;

/// Pages of locations; Shopify allows a shop at most 1,000 of them, 50 to a page.
const LOCATION_PAGES_MAX: usize = 40;
/// The title of the only variant of a product without options.
const NO_OPTIONS: &str = "Default Title";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variants {
    product_variants: Connection<VariantNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariantNode {
    id: String,
    sku: Option<String>,
    barcode: Option<String>,
    title: String,
    inventory_policy: String,
    requires_components: bool,
    inventory_item: ItemNode,
    product: ProductNode,
}

#[derive(Deserialize)]
struct ItemNode {
    id: String,
    tracked: bool,
}

#[derive(Deserialize)]
struct ProductNode {
    title: String,
}

#[derive(Deserialize)]
struct Locations {
    locations: Connection<LocationNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocationNode {
    id: String,
    name: String,
    is_active: bool,
    is_fulfillment_service: bool,
}

#[async_trait]
impl Listings for Shop {
    async fn listings(&self, page: Option<&str>) -> Result<ListingPage, ConnectorError> {
        let answer = self
            .ask::<Variants>(&VARIANTS_PAGE, &json!({ "after": page }), 0)
            .await?;
        let variants = answer.data.product_variants;
        let next = variants.next(VARIANTS_PAGE.name)?;
        let listings = variants
            .nodes
            .into_iter()
            .map(listing)
            .collect::<Result<_, _>>();
        let listings = listings.map_err(|why| unreadable(VARIANTS_PAGE.name, &why))?;
        Ok(ListingPage { listings, next })
    }

    async fn locations(&self) -> Result<Vec<ChannelLocation>, ConnectorError> {
        let (mut locations, mut after) = (Vec::new(), None);
        for _ in 0..LOCATION_PAGES_MAX {
            let answer = self
                .ask::<Locations>(&LOCATIONS, &json!({ "after": after }), 0)
                .await?;
            after = answer.data.locations.next(LOCATIONS.name)?;
            for node in answer.data.locations.nodes {
                let location = location(node).map_err(|why| unreadable(LOCATIONS.name, &why))?;
                locations.push(location);
            }
            if after.is_none() {
                return Ok(locations);
            }
        }
        Err(unreadable(
            LOCATIONS.name,
            "more pages than a shop can have locations",
        ))
    }
}

pub(crate) fn listing(node: VariantNode) -> Result<ChannelListing, String> {
    let unpushable = if node.requires_components {
        Some("bundle: its stock is that of its components")
    } else if !node.inventory_item.tracked {
        Some("not tracked")
    } else {
        None
    };
    let title = if node.title == NO_OPTIONS {
        node.product.title
    } else {
        format!("{} - {}", node.product.title, node.title)
    };
    let barcode = node.barcode.map(|text| text.trim().to_owned());
    Ok(ChannelListing {
        id: ListingId::new(need(&node.id, "ProductVariant")?),
        item: ItemId::new(need(&node.inventory_item.id, "InventoryItem")?),
        sku: node.sku.unwrap_or_default().trim().to_owned(),
        barcode: barcode.filter(|text| !text.is_empty()),
        title,
        unpushable: unpushable.map(str::to_owned),
        sells_without_limit: node.inventory_policy == "CONTINUE",
    })
}

/// A fulfillment service's location belongs to that service's app: never ours to push to.
fn location(node: LocationNode) -> Result<ChannelLocation, String> {
    Ok(ChannelLocation {
        id: ChannelLocationId::new(need(&node.id, "Location")?),
        name: node.name,
        active: node.is_active && !node.is_fulfillment_service,
    })
}
