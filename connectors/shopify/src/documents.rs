//! The GraphQL documents: everything this crate can ask.
//!
//! Each carries its requested cost by the rule on the page (10.3): an object costs 1, a connection
//! 2 and `first` times its node, a mutation 10, `pageInfo` and scalars nothing. Whether a plain list
//! is sized by its `first` is not known, so it is assumed to be. A test computes the same figures.

use channelsync_contract::transport::{Effect, Lane};

/// One document and what transport must know to send it.
#[derive(Debug)]
pub(crate) struct Document {
    /// The operation's name.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
    /// Place in the queue.
    pub(crate) lane: Lane,
    /// Read or write.
    pub(crate) effect: Effect,
    /// Points requested, without those for each id asked for.
    pub(crate) cost: u32,
    /// Points requested for each id of a `nodes(ids:)`.
    pub(crate) cost_each: u32,
}

macro_rules! documents {
    ($($name:ident $operation:literal $file:literal $lane:ident $effect:ident $cost:literal + $each:literal)*) => {
        $(pub(crate) const $name: Document = Document {
            name: $operation,
            text: include_str!(concat!("documents/", $file, ".graphql")),
            lane: Lane::$lane,
            effect: Effect::$effect,
            cost: $cost,
            cost_each: $each,
        };)*
        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[&Document] = &[$(&$name),*];
    };
}

documents! {
    APP_AND_SHOP "AppAndShop" "app_and_shop" Poll Read 3 + 0
    LOCATIONS "Locations" "locations" Backfill Read 52 + 0
    VARIANTS_PAGE "VariantsPage" "variants_page" Backfill Read 752 + 0
    ORDERS_CHANGED "OrdersChanged" "orders_changed" Poll Read 252 + 0
    FULFILLMENT_ORDERS_CHANGED "FulfillmentOrdersChanged" "fulfillment_orders_changed" Poll Read 102 + 0
    ORDERS_BY_ID "OrdersById" "orders_by_id" Poll Read 0 + 121
    ORDER_DETAIL "OrderDetail" "order_detail" Poll Read 835 + 0
    ORDER_LINES "OrderLines" "order_lines" Poll Read 803 + 0
    ORDER_FULFILLMENT_ORDERS "OrderFulfillmentOrders" "order_fulfillment_orders" Poll Read 678 + 0
    FULFILLMENT_ORDER_LINES "FulfillmentOrderLines" "fulfillment_order_lines" Poll Read 503 + 0
    FULFILLMENT_LINES "FulfillmentLines" "fulfillment_lines" Poll Read 503 + 0
    REFUND_LINES "RefundLines" "refund_lines" Poll Read 753 + 0
    ORDER_LISTS "OrderLists" "order_lists" Poll Read 751 + 0
    ORDER_RETURNS "OrderReturns" "order_returns" Poll Read 65 + 0
    RETURN_REVERSE_ORDERS "ReturnReverseOrders" "return_reverse_orders" Poll Read 533 + 0
    REVERSE_ORDER_LINES "ReverseOrderLines" "reverse_order_lines" Poll Read 503 + 0
    REFUND_RETURNS "RefundReturns" "refund_returns" Poll Read 21 + 0
    ALL_REFUND_RETURNS "AllRefundReturns" "all_refund_returns" Poll Read 501 + 0
    INVENTORY_AT_LOCATION "InventoryAtLocation" "inventory_at_location" Poll Read 0 + 8
    CREATE_FULFILLMENT "CreateFulfillment" "create_fulfillment" Push Write 12 + 0
    MOVE_FULFILLMENT_ORDER "MoveFulfillmentOrder" "move_fulfillment_order" Push Write 11 + 0
    UPDATE_TRACKING "UpdateTracking" "update_tracking" Push Write 11 + 0
    SET_QUANTITIES "SetQuantities" "set_quantities" Push Write 12 + 0
    SUBSCRIPTIONS "Subscriptions" "subscriptions" Poll Read 102 + 0
    SUBSCRIBE "Subscribe" "subscribe" Poll Write 12 + 0
    BULK_START "BulkStart" "bulk_start" Backfill Write 12 + 0
    BULK_RECENT "BulkRecent" "bulk_recent" Backfill Read 22 + 0
    BULK_STATUS "BulkStatus" "bulk_status" Backfill Read 1 + 0
}

/// What a bulk operation runs, as text within `BulkStart`: variables are not allowed there, so `SINCE`
/// and the operation's own name, `MARK`, are written in.
pub(crate) const BULK_ORDERS: &str = include_str!("documents/bulk_orders.graphql");
/// The same for all variants.
pub(crate) const BULK_VARIANTS: &str = include_str!("documents/bulk_variants.graphql");
