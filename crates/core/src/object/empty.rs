//! What the API server leaves out when it writes an object.
//!
//! Go's `omitempty` drops empty text, lists, maps, zero, false and nil pointers, but never a struct:
//! `status: {}` is printed, `labels: {}` is not.

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) trait Empty {
    fn is_empty(&self) -> bool;
}

pub(crate) fn is_empty<T: Empty>(value: &T) -> bool {
    value.is_empty()
}

impl Empty for String {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Empty for bool {
    fn is_empty(&self) -> bool {
        !*self
    }
}

impl Empty for i32 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Empty for i64 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl Empty for Value {
    fn is_empty(&self) -> bool {
        self.is_null()
    }
}

impl<T> Empty for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Empty for BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// Structs of the Kubernetes API: plain data, camelCase, every field optional in the text.
/// A field whose name is not the camelCase of ours carries its own `rename`.
macro_rules! api {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
            #[serde(rename_all = "camelCase", default)]
            // Admission has views of its own that leave their module for nobody.
            #[allow(unreachable_pub)]
            pub struct $name {
                $(
                    $(#[$field_meta])*
                    #[serde(skip_serializing_if = "crate::object::empty::is_empty")]
                    pub $field: $type,
                )*
            }

            impl crate::object::empty::Empty for $name {
                fn is_empty(&self) -> bool {
                    false
                }
            }
        )*
    };
}
pub(crate) use api;
