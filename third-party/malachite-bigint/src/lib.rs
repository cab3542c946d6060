//! The integers of `num-bigint`, whose interface malachite-bigint has too.

pub use num_bigint::{BigInt, BigUint, ParseBigIntError, Sign, ToBigInt, ToBigUint, TryFromBigIntError};
