//! What RustPython takes of malachite-base.

/// Kinds of numbers and their conversions.
pub mod num {
    /// Numbers.
    pub mod basic {
        /// Floating-point numbers.
        pub mod floats {
            /// A floating-point number.
            pub trait PrimitiveFloat {
                /// Whether it is -0.0.
                fn is_negative_zero(&self) -> bool;
            }

            impl PrimitiveFloat for f64 {
                fn is_negative_zero(&self) -> bool {
                    *self == 0.0 && self.is_sign_negative()
                }
            }
        }
    }

    /// Conversions.
    pub mod conversion {
        /// Their traits.
        pub mod traits {
            use std::cmp::Ordering;

            use crate::rounding_modes::RoundingMode;

            /// A conversion that rounds.
            pub trait RoundingInto<T> {
                /// The rounded value, and how it compares to the exact one.
                fn rounding_into(self, mode: RoundingMode) -> (T, Ordering);
            }
        }
    }
}

/// Ways to round.
pub mod rounding_modes {
    /// How to round.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum RoundingMode {
        /// To the nearest value, and to the even one of two.
        Nearest,
    }
}
