//! A value that is replaced whole while others read it.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::FromRef;

/// The present value; cheap to clone. Who has read it keeps what was read.
pub struct Swap<T>(Arc<RwLock<Arc<T>>>);

impl<T> Swap<T> {
    /// The present value.
    pub fn get(&self) -> Arc<T> {
        let value = self.0.read().unwrap_or_else(PoisonError::into_inner);
        value.clone()
    }

    /// Replaces it.
    pub fn set(&self, value: Arc<T>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl<T> Clone for Swap<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> From<Arc<T>> for Swap<T> {
    fn from(value: Arc<T>) -> Self {
        Self(Arc::new(RwLock::new(value)))
    }
}

/// Routes made once answer from what is true at each request.
impl<T> FromRef<Swap<T>> for Arc<T> {
    fn from_ref(value: &Swap<T>) -> Self {
        value.get()
    }
}
