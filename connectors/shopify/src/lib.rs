//! shopify.
