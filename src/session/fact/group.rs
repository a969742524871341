//! How a group of facts is written down: each with its name in JSON and its values.

macro_rules! fact_group {
    ($(#[$about:meta])* $group:ident { $($(#[$doc:meta])* $name:ident $kind:literal { $($(#[$what:meta])* $field:ident: $type:ty),* $(,)? })* }) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Debug)]
        pub enum $group {
            $($(#[$doc])* $name { $($(#[$what])* $field: $type),* },)*
        }

        impl $group {
            pub(super) fn kind(&self) -> &'static str {
                match self { $(Self::$name { .. } => $kind,)* }
            }

            pub(super) fn values(&self) -> Vec<(&'static str, FactValue)> {
                match self { $(Self::$name { $($field),* } => vec![$((stringify!($field), FactValue::from($field))),*],)* }
            }
        }
    };
}

pub(super) use fact_group;
